// tests/e2e/inspect_test.cpp -- longclip inspect: checkpoints, tensor files, pictures, experiments, runs.
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cstring>
#include <set>
#include <sstream>

#include "program.h"
#include "tensors/safetensors.h"
#include "support/catch.h"

namespace longclip::test {
namespace fs = std::filesystem;

namespace {

Json inspect(const std::string& arguments, const fs::path& folder = {}) {
  return parse_json(run_well("inspect --json " + arguments, folder), "inspect " + arguments);
}

}  // namespace

TEST_CASE("inspect: another program's training checkpoint shows the model's names and values", "[e2e]") {
  if (!cases_dir()) return say_skipped("a nested checkpoint", "the cases");
  const TemporaryFolder folder;
  const Json expected = case_values("08_pt_nested_prefixes_scalar_shape").at("tensors");
  const std::string file = (*cases_dir() / "08_pt_nested_prefixes_scalar_shape" / "epoch_3.pt").string();
  run_well("stretch " + file + " out.safetensors", folder.path());
  for (const std::string& path : {file, (folder / "out.safetensors").string()}) {
    const Json tensors = inspect(path).at("tensors");
    REQUIRE(tensors.size() == expected.size() + (expected.contains("positional_embedding") ? 0 : 1));
    for (const auto& [name, tensor] : expected.items()) {
      CAPTURE(path, name);
      if (name == "positional_embedding" && path != file) continue;
      REQUIRE(tensors.at(name).at("shape") == tensor.at("shape"));
      REQUIRE(tensors.at(name).at("sha256") == tensor.at("float32_sha256"));
    }
  }
  REQUIRE_THAT(inspect(file).at("notes").dump(), ContainsSubstring("optimizer") && ContainsSubstring("state_dict"));
}

TEST_CASE("inspect: odd but legal safetensors files are listed, illegal ones refused by name", "[e2e]") {
  if (!cases_dir()) return say_skipped("safetensors headers", "the cases");
  const fs::path folder = *cases_dir() / "10_safetensors_headers";
  const Json files = case_values("10_safetensors_headers");
  for (const auto& [name, expected] : files.items()) {
    const CommandResult result = run_longclip("inspect --json " + name, folder);
    CAPTURE(name, result.out, result.err);
    if (expected.at("reference") != "loads") {
      REQUIRE(result.exit_code == 2);
      REQUIRE_THAT(result.err, ContainsSubstring(name));
      continue;
    }
    REQUIRE(result.exit_code == 0);
    const Json tensors = parse_json(result.out, name).at("tensors");
    REQUIRE(tensors.size() == expected.at("tensors").size());
    for (const auto& [tensor, wanted] : expected.at("tensors").items()) {
      for (const char* key : {"dtype", "shape", "values"}) REQUIRE(tensors.at(tensor).at(key) == wanted.at(key));
    }
  }
}

TEST_CASE("inspect: an index of shards tells the model in them, or their tensors where that is none", "[e2e]") {
  const TemporaryFolder folder;
  run_well("export " + unstretched_model() + " hf --format hf", folder.path());
  const Json whole = inspect("hf", folder.path());
  fs::rename(folder / "hf/model.safetensors", folder / "hf/model-1.safetensors");
  Json index{{"weight_map", Json::object()}};
  const std::string bytes = read_text(folder / "hf/model-1.safetensors");
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  const Json header = parse_json(bytes.substr(8, length), "header");
  for (const auto& [name, value] : header.items())
    if (name != "__metadata__") index["weight_map"][name] = "model-1.safetensors";
  write_text(folder / "hf/model.safetensors.index.json", index.dump());
  const Json shards = inspect("hf/model.safetensors.index.json", folder.path());
  REQUIRE(shards.at("kind") == "checkpoint");
  REQUIRE(shards.at("tensors") == whole.at("tensors"));
  write_safetensors(folder / "other.safetensors", {{"x", at::zeros({2})}});
  write_text(folder / "other.index.json", R"({"weight_map": {"x": "other.safetensors"}})");
  const Json other = inspect("other.index.json", folder.path());
  REQUIRE(other.at("kind") == "tensors");
  REQUIRE(other.at("tensors").contains("x"));
}

TEST_CASE("inspect: a picture shows its mode, the crop and the crop's hash", "[e2e]") {
  if (!cases_dir()) return say_skipped("crops", "the cases");
  const Json modes = case_values("06_picture_modes_and_damage"), sizes = case_values("07_resize_sizes").at("pictures");
  for (const auto& [values, name] : {std::pair{modes, "06_picture_modes_and_damage"}, {sizes, "07_resize_sizes"}}) {
    for (const auto& [file, expected] : values.items()) {
      CAPTURE(file);
      const CommandResult result = run_longclip("inspect --json --size 224 " + file, *cases_dir() / name);
      const bool readable = expected.at("verdict") == "good";
      REQUIRE(result.exit_code == (readable ? 0 : 2));
      if (!readable) continue;
      const Json json = parse_json(result.out, file);
      for (const char* key : {"format", "mode", "size"}) REQUIRE(json.at(key) == expected.at(key));
      REQUIRE(json.at("sha256") == expected.at("crop_sha256"));
    }
  }
}

TEST_CASE("inspect: pictures are cut or turned as a run would take them", "[e2e]") {
  const TemporaryFolder folder;
  write_experiment(folder.path());
  const std::string png = read_text(folder / "0.png");
  write_text(folder / "cut.png", png.substr(0, png.size() - 30));
  REQUIRE_THAT(run_longclip("inspect cut.png", folder.path()).err, ContainsSubstring("cut"));
  const Json cut = parse_json(run_well("inspect --json --load-truncated cut.png", folder.path()), "cut.png");
  REQUIRE(cut.at("size") == parse_json(run_well("inspect --json 0.png", folder.path()), "0.png").at("size"));
  const CommandResult mixed = run_longclip("inspect run.yaml --load-truncated", folder.path());
  REQUIRE(mixed.exit_code == 2);
  REQUIRE_THAT(mixed.err, ContainsSubstring("--load-truncated"));
  if (!cases_dir()) return say_skipped("a picture to be turned", "the cases");
  const std::string turned = (*cases_dir() / "06_picture_modes_and_damage" / "exif_6.jpg").string();
  const Json as_stored = parse_json(run_well("inspect --json --exif-orientation ignore " + turned), turned);
  const Json upright = parse_json(run_well("inspect --json --exif-orientation apply " + turned), turned);
  REQUIRE((upright.at("size")[0] == as_stored.at("size")[1] && upright.at("size")[1] == as_stored.at("size")[0]));
  REQUIRE(upright.at("sha256") != as_stored.at("sha256"));
}

TEST_CASE("inspect: of several files, those that can be read are told, and the others named", "[e2e]") {
  const TemporaryFolder folder;
  write_experiment(folder.path());
  write_text(folder / "broken.png", "no picture");
  const CommandResult result = run_longclip("inspect --json 0.png broken.png 1.png gone.png", folder.path());
  REQUIRE(result.exit_code == 2);
  REQUIRE_THAT(result.err, ContainsSubstring("broken.png") && ContainsSubstring("gone.png"));
  std::istringstream lines(result.out);
  std::vector<std::string> paths;
  for (std::string line; std::getline(lines, line);) paths.push_back(parse_json(line, "line").at("path"));
  REQUIRE(paths == std::vector<std::string>{"0.png", "1.png"});
}

TEST_CASE("inspect: the order of an experiment visits each row once an epoch", "[e2e]") {
  const TemporaryFolder folder;
  write_experiment(folder.path());
  std::istringstream lines(run_well("inspect run.yaml --json --order 9", folder.path()));  // the run has two steps
  std::set<Json> rows;
  int64_t step = 0;
  for (std::string line; std::getline(lines, line);) {
    const Json json = parse_json(line, "step");
    REQUIRE(json.at("step") == ++step);
    REQUIRE(json.at("rows").size() == 4);
    rows.insert(json.at("rows").begin(), json.at("rows").end());
  }
  REQUIRE(step == 2);
  REQUIRE(rows.size() == 8);
  REQUIRE_THAT(run_well("inspect run.yaml", folder.path()), ContainsSubstring("pairs_per_step: 4"));
}

TEST_CASE("inspect: a row that cannot be used is not in the order", "[e2e]") {
  const TemporaryFolder folder;
  write_experiment(folder.path());
  const std::string rows = read_text(folder / "rows.jsonl");
  write_text(folder / "rows.jsonl", rows.substr(0, rows.rfind('{')) + "{\"image\": \"0.png\"}\n");
  const std::string out = run_well("inspect run.yaml --order 2", folder.path());
  REQUIRE_THAT(out, ContainsSubstring("step 1, epoch 0:") && ContainsSubstring("0:6") && !ContainsSubstring("0:7"));
}

TEST_CASE("inspect: the position table tells whether it was stretched and trained, also where no config does",
          "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(inspect(unstretched_model()).at("position_table").at("state") == "not stretched");
  const Json stretched = inspect(stretched_model());
  REQUIRE(stretched.at("position_table") ==
          Json{{"rows", 248}, {"state", "stretched, not trained"}, {"keep", 20}, {"ratio", 4}, {"source_length", 77}});
  REQUIRE_THAT(stretched.at("positions").get<std::string>(), !ContainsSubstring("dropped"));
  run_well("export " + stretched_model() + " hf --format hf --dtype fp16", folder.path());
  Json config = parse_json(read_text(folder / "hf/config.json"), "config.json");
  config.erase("longclip");  // as a converter of other people leaves it
  write_text(folder / "hf/config.json", config.dump());
  const Json converted = inspect("hf", folder.path());
  REQUIRE(converted.at("position_table").at("state") == "stretched, not trained");
  REQUIRE_THAT(converted.at("positions").get<std::string>(),
               ContainsSubstring("positional_embedding_res") && ContainsSubstring("dropped"));
  REQUIRE(converted.at("stored_types") == Json{{"float16", 142}});
  run_well("export " + stretched_model() + " upstream.pt --format upstream", folder.path());
  REQUIRE_THAT(inspect("upstream.pt", folder.path()).at("notes").dump(), ContainsSubstring("both are equal"));
  write_experiment(folder.path());
  run_well("train run.yaml", folder.path());  // captions of a few ids: no stretched position is used
  const std::string checkpoint = "out/checkpoints/step_00000002";
  REQUIRE(inspect(checkpoint, folder.path()).at("position_table").at("state") == "stretched, not trained");
  std::string rows = read_text(folder / "rows.jsonl"), forty;
  for (int i = 0; i < 40; ++i) forty += "one colour ";
  for (size_t at = 0; (at = rows.find("one colour", at)) != std::string::npos; at += forty.size())
    rows.replace(at, 10, forty);
  write_text(folder / "rows.jsonl", rows);
  run_well("train run.yaml --set run.dir=longer", folder.path());
  const Json trained = inspect("longer/checkpoints/step_00000002", folder.path()).at("position_table");
  REQUIRE(trained.at("state") == "stretched, trained in part");
  REQUIRE(trained.at("last_trained_row") > 80);
  REQUIRE(trained.at("last_trained_row") < 95);
}

TEST_CASE("inspect: what the user says of a file that states it itself is refused where it differs", "[e2e]") {
  REQUIRE(inspect(stretched_model() + " --hidden-act quick_gelu --text-heads 2").at("kind") == "checkpoint");
  const CommandResult result = run_longclip("inspect " + stretched_model() + " --hidden-act gelu");
  REQUIRE(result.exit_code == 2);
  REQUIRE_THAT(result.err, ContainsSubstring("--hidden-act") && ContainsSubstring("states its architecture"));
}

TEST_CASE("inspect: what is not known is refused with what would be", "[e2e]") {
  const TemporaryFolder folder;
  write_text(folder / "notes", "just words");
  write_text(folder / "empty/file", "");
  for (const auto& [arguments, says] : {std::pair{"notes", "pictures, experiments (.yaml)"},
                                        {"empty", "model.json"},
                                        {"gone.pt", "no such file"},
                                        {"notes.jpg", "no such file"}}) {
    const CommandResult result = run_longclip(std::string("inspect ") + arguments, folder.path());
    CAPTURE(arguments, result.err);
    REQUIRE(result.exit_code == 2);
    REQUIRE_THAT(result.err, ContainsSubstring(says));
  }
  const CommandResult mixed = run_longclip("inspect " + stretched_model() + " --order 3");
  REQUIRE(mixed.exit_code == 2);
}

TEST_CASE("inspect: the norm of a tensor is the root of its squares' sum", "[e2e]") {
  const TemporaryFolder folder;
  write_safetensors(folder / "x.safetensors", {{"x", at::tensor({3.0F, -4.0F})}, {"none", at::zeros({2})}});
  const Json tensors = inspect("x.safetensors", folder.path()).at("tensors");
  REQUIRE(tensors.at("x").at("norm") == 5.0);
  REQUIRE(tensors.at("none").at("norm") == 0.0);
}

}  // namespace longclip::test
