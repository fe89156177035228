// tests/e2e/bad_input_test.cpp -- what users get wrong: exit code 2, the place, the way out, and nothing overwritten.
#include "program.h"
#include "support/catch.h"

namespace longclip::test {
namespace fs = std::filesystem;

namespace {

/// The command ends with 2 and says `says`; no file below `folder` was changed, added or removed.
void check_refused(const std::string& arguments, const std::string& says, const fs::path& folder) {
  const auto before = hashes_below(folder);
  const CommandResult result = run_longclip(arguments, folder);
  CAPTURE(arguments, result.out, result.err);
  REQUIRE(result.exit_code == 2);
  REQUIRE_THAT(result.err, ContainsSubstring(says));
  REQUIRE(hashes_below(folder) == before);
}

}  // namespace

TEST_CASE("train: a mistake in the experiment is refused before anything is written", "[e2e]") {
  const TemporaryFolder folder;
  write_experiment(folder.path());
  const std::string yaml = read_text(folder / "run.yaml");
  write_text(folder / "typo.yaml", yaml + "optim: {weight_deacy: 0.1}\n");
  write_text(folder / "twice.yaml", yaml + "precision: {compute: bf16}\n");
  write_text(folder / "broken.jsonl", read_text(folder / "rows.jsonl") + "{\"image\": 7}\n");
  check_refused("train typo.yaml", "unknown key 'optim.weight_deacy'; did you mean 'weight_decay'", folder.path());
  check_refused("train typo.yaml", "typo.yaml:8:", folder.path());
  check_refused("train twice.yaml", "twice.yaml:8:1", folder.path());
  check_refused("train gone.yaml", "gone.yaml", folder.path());
  check_refused("train run.yaml --set optim.lr=fast", "--set optim.lr=fast", folder.path());
  check_refused("train run.yaml --set 'data.train[0].path=gone.jsonl'", "gone.jsonl", folder.path());
  check_refused("train run.yaml --set model.init=gone.safetensors", "gone.safetensors", folder.path());
  check_refused("train run.yaml --set data.pairs_per_step=16", "16", folder.path());
  check_refused("train run.yaml --set 'data.train[0].path=broken.jsonl' --set data.on_bad_sample=fail",
                "broken.jsonl:9", folder.path());
}

TEST_CASE("train: an unstretched checkpoint is refused with the command that stretches it", "[e2e]") {
  const TemporaryFolder folder;
  write_experiment(folder.path());
  check_refused("train run.yaml --set model.init=" + unstretched_model(), "longclip stretch " + unstretched_model(),
                folder.path());
}

TEST_CASE("every command: a checkpoint that was cut off is refused by name", "[e2e]") {
  const TemporaryFolder folder;
  write_experiment(folder.path());
  const std::string whole = read_text(stretched_model());
  write_text(folder / "cut.safetensors", whole.substr(0, whole.size() / 2));
  for (const std::string arguments :
       {"inspect cut.safetensors", "stretch cut.safetensors out.safetensors", "export cut.safetensors out --format hf",
        "encode cut.safetensors --images 0.png --out f.safetensors",
        "eval retrieval cut.safetensors --data triples:rows.jsonl",
        "train run.yaml --set model.init=cut.safetensors"}) {
    check_refused(arguments, "cut.safetensors: ", folder.path());
  }
}

TEST_CASE("every command: an output that exists stays as it is", "[e2e]") {
  const TemporaryFolder folder;
  write_experiment(folder.path());
  write_text(folder / "out.safetensors", "precious");
  write_text(folder / "full/file", "precious");
  const std::string model = stretched_model();
  const std::vector<std::string> commands = {
      "init out.safetensors --arch tiny",
      "init full --arch tiny",
      "stretch " + unstretched_model() + " out.safetensors",
      "export " + model + " full --format hf",
      "export " + model + " out.safetensors --format upstream",
      "encode " + model + " --images 0.png --out out.safetensors",
      "eval retrieval " + model + " --data triples:rows.jsonl --out out.safetensors"};
  for (const std::string& arguments : commands) {
    check_refused(arguments, "exists already; name another output, remove it, or give --overwrite", folder.path());
  }
  run_well("encode " + model + " --images 0.png --out out.safetensors --overwrite", folder.path());
  REQUIRE(read_text(folder / "out.safetensors") != "precious");
}

TEST_CASE("train: a run is inspected and exported, and its folder belongs to one experiment", "[e2e]") {
  const TemporaryFolder folder;
  write_experiment(folder.path());
  run_well("train run.yaml", folder.path());
  const Json run = parse_json(run_well("inspect out --json", folder.path()), "inspect");
  REQUIRE(run.at("kind") == "run");
  REQUIRE(run.at("step") == 2);
  REQUIRE(run.at("state").at("data_rows") == 8);
  REQUIRE(fs::exists(folder / run.at("config").get<std::string>()));
  check_refused("train run.yaml --set optim.lr=3.0e-6", "optim.lr", folder.path());
  check_refused("train run.yaml --resume never", "--resume never", folder.path());
  run_well("export out exported.pt --format upstream", folder.path());
  REQUIRE(fs::exists(folder / "exported.pt"));
}

TEST_CASE("every command: --help answers at once, wrong usage ends with 2", "[e2e]") {
  for (const std::string command :
       {"init", "stretch", "train", "eval retrieval", "encode", "tokenize", "export", "inspect"}) {
    CAPTURE(command);
    REQUIRE_THAT(run_well(command + " --help"), ContainsSubstring("Usage"));
    REQUIRE(run_longclip(command + " --no-such-option").exit_code == 2);
  }
  REQUIRE(run_longclip("").exit_code == 2);
  REQUIRE(run_longclip("eval").exit_code == 2);
  REQUIRE(run_longclip("encode " + stretched_model() + " --out f.safetensors").exit_code == 2);
}

TEST_CASE("stretch: a Hugging Face folder without one of its shards is refused by the name of the shard", "[e2e]") {
  if (!cases_dir()) return say_skipped("a missing shard", "the cases");
  const TemporaryFolder folder;
  const std::string shard = case_values("09_hf_shard_missing").at("missing_file");
  check_refused("stretch " + (*cases_dir() / "09_hf_shard_missing" / "model").string() + " out.safetensors", shard, folder.path());
}

}  // namespace longclip::test
