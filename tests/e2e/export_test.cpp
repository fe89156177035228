// tests/e2e/export_test.cpp -- longclip export: what is written reads back as the same model.
#include "program.h"
#include "support/catch.h"

namespace longclip::test {

namespace {

Json hashes_of_tensors(const std::string& path) {
  const Json inspected = parse_json(run_well("inspect --json " + path), path);
  Json hashes;
  for (const auto& [name, tensor] : inspected.at("tensors").items()) {
    hashes[name] = tensor.at("sha256");
  }
  return hashes;
}

}  // namespace

TEST_CASE("export: every format reads back as the model that was exported", "[e2e]") {
  const TemporaryFolder folder;
  const std::string model = stretched_model();
  const Json before = hashes_of_tensors(model);
  REQUIRE(before.size() > 10);
  for (const auto& [format, name] : {std::pair{"hf", "hf"}, {"upstream", "long.pt"}}) {
    const std::string out = (folder / name).string();
    run_well("export " + model + " " + out + " --format " + format);
    REQUIRE(hashes_of_tensors(out) == before);
  }
  const Json config = parse_json(read_text(folder / "hf/config.json"), "config.json");
  REQUIRE(config.at("text_config").at("max_position_embeddings") == 248);
  run_well("export " + model + " " + (folder / "hf").string() + " --format hf --dtype fp16 --overwrite");
  const Json half = parse_json(run_well("inspect --json " + (folder / "hf").string()), "inspect");
  REQUIRE(half.at("stored_types").contains("float16"));
}

TEST_CASE("export: an unstretched model is no model of the original Long-CLIP code", "[e2e]") {
  const TemporaryFolder folder;
  const CommandResult result =
      run_longclip("export " + unstretched_model() + " out.pt --format upstream", folder.path());
  REQUIRE(result.exit_code == 2);
  REQUIRE_THAT(result.err, ContainsSubstring("longclip stretch"));
  REQUIRE(hashes_below(folder.path()).empty());
}

}  // namespace longclip::test
