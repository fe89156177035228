// tests/src/checkpoint/checkpoint_folder_test.cpp -- checkpoints that survive kills, damage and full folders.
#include "checkpoint/checkpoint_folder.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>

#include <algorithm>

#include "base/error.h"
#include "support/reference_data.h"

#include "support/catch.h"

namespace longclip {
namespace {

namespace fs = std::filesystem;

Checkpoint checkpoint_of(int64_t step) {
  Checkpoint checkpoint;
  checkpoint.model = {{"weight", at::arange(6, at::kFloat).add(static_cast<double>(step)).view({2, 3})},
                      {"logit_scale", at::full({}, 4.6052, at::kFloat)}};
  checkpoint.architecture = {{"image_size", 32}};
  checkpoint.optimizer = {{"exp_avg.weight", at::full({2, 3}, 0.5, at::kFloat)}};
  checkpoint.state.step = step;
  checkpoint.state.epoch = 1;
  checkpoint.state.loader_shift = -2;
  checkpoint.state.data_content = "abc";
  checkpoint.config_yaml = "run: {name: x}\n";
  return checkpoint;
}

fs::path folder_of(const fs::path& run, int64_t step) { return run / "checkpoints" / fmt::format("step_{:08d}", step); }

void flip_byte(const fs::path& file, size_t from_end) {
  std::string bytes = test::read_text(file);
  bytes[bytes.size() - from_end] ^= 1;
  test::write_text(file, bytes);
}

std::vector<std::string> names(const fs::path& run) {
  std::vector<std::string> found;
  for (const fs::path& folder : list_checkpoints(run)) found.push_back(folder.filename().string());
  return found;
}

}  // namespace

TEST_CASE("Checkpoint: what was saved is loaded, bit for bit", "[checkpoint][unit]") {
  const test::TemporaryFolder run;
  const Checkpoint saved = checkpoint_of(1200);
  save_checkpoint(run.path(), saved);
  REQUIRE(test::read_text(run / "checkpoints/latest") == "step_00001200\n");
  const Checkpoint loaded = load_checkpoint(folder_of(run.path(), 1200));
  REQUIRE(loaded.state == saved.state);
  REQUIRE(loaded.architecture == saved.architecture);
  REQUIRE(loaded.config_yaml == saved.config_yaml);
  REQUIRE(loaded.model.size() == 2);
  REQUIRE(loaded.model.at("weight").equal(saved.model.at("weight")));
  REQUIRE(loaded.model.at("logit_scale").equal(saved.model.at("logit_scale")));
  REQUIRE(loaded.optimizer.at("exp_avg.weight").equal(saved.optimizer.at("exp_avg.weight")));
}

TEST_CASE("Checkpoint: one changed byte or a missing file is refused by the name of the file", "[checkpoint][unit]") {
  for (const std::string name : {"model.safetensors", "model.json", "optimizer.safetensors", "config.yaml"}) {
    const test::TemporaryFolder run;
    save_checkpoint(run.path(), checkpoint_of(3));
    const fs::path file = folder_of(run.path(), 3) / name;
    flip_byte(file, 2);
    CAPTURE(name);
    REQUIRE_THROWS_WITH(load_checkpoint(file.parent_path()),
                        ContainsSubstring(file.string()) && ContainsSubstring("damaged"));
    REQUIRE_THROWS_AS(load_checkpoint(file.parent_path()), DataError);
    fs::remove(file);
    REQUIRE_THROWS_WITH(load_checkpoint(file.parent_path()), ContainsSubstring(file.string()));
  }
}

TEST_CASE("Checkpoint: a state that is missing, cut or lacks a key is a data error", "[checkpoint][unit]") {
  const test::TemporaryFolder run;
  save_checkpoint(run.path(), checkpoint_of(3));
  const fs::path state = folder_of(run.path(), 3) / "state.json";
  const std::string whole = test::read_text(state);
  for (const std::string& text : {whole.substr(0, whole.size() / 2), std::string("[]"), std::string("{\"step\": 3}"),
                                  std::string("{\"step\": \"three\"}"), std::string()}) {
    test::write_text(state, text);
    CAPTURE(text);
    REQUIRE_THROWS_AS(load_checkpoint(state.parent_path()), DataError);
  }
  fs::remove(state);
  REQUIRE_THROWS_AS(load_checkpoint(state.parent_path()), DataError);
}

TEST_CASE("Checkpoint: a damaged newest one is passed over for the one before", "[checkpoint][unit]") {
  const test::TemporaryFolder run;
  for (const int64_t step : {2, 4, 6}) save_checkpoint(run.path(), checkpoint_of(step));
  REQUIRE(load_newest_checkpoint(run.path())->state.step == 6);
  flip_byte(folder_of(run.path(), 6) / "model.safetensors", 1);
  fs::remove(folder_of(run.path(), 4) / "state.json");
  REQUIRE(load_newest_checkpoint(run.path())->state.step == 2);
  flip_byte(folder_of(run.path(), 2) / "optimizer.safetensors", 1);
  REQUIRE_THROWS_WITH(load_newest_checkpoint(run.path()), ContainsSubstring("none of the 3 checkpoints can be used"));
}

TEST_CASE("Checkpoint: a folder without checkpoints holds none", "[checkpoint][unit]") {
  const test::TemporaryFolder run;
  REQUIRE_FALSE(load_newest_checkpoint(run.path()).has_value());
  REQUIRE_FALSE(load_newest_checkpoint(run / "absent").has_value());
  fs::create_directories(run / "checkpoints/step_00000002.unfinished");
  fs::create_directories(run / "checkpoints/step_");
  fs::create_directories(run / "checkpoints/step_-0000001");
  fs::create_directories(run / "checkpoints/other");
  test::write_text(run / "checkpoints/step_00000003", "a file");
  REQUIRE(list_checkpoints(run.path()).empty());
  REQUIRE_FALSE(load_newest_checkpoint(run.path()).has_value());
}

TEST_CASE("Checkpoint: what a killed save left behind is replaced", "[checkpoint][unit]") {
  const test::TemporaryFolder run;
  save_checkpoint(run.path(), checkpoint_of(2));
  test::write_text(run / "checkpoints/step_00000004.unfinished/model.safetensors", "half a file");
  REQUIRE(load_newest_checkpoint(run.path())->state.step == 2);
  save_checkpoint(run.path(), checkpoint_of(4));
  REQUIRE(load_newest_checkpoint(run.path())->state.step == 4);
  REQUIRE_FALSE(fs::exists(run / "checkpoints/step_00000004.unfinished"));
}

TEST_CASE("Checkpoint: a step that is saved again takes the place of the old one", "[checkpoint][unit]") {
  const test::TemporaryFolder run;
  save_checkpoint(run.path(), checkpoint_of(2));
  Checkpoint again = checkpoint_of(2);
  again.state.skipped_steps = 7;
  save_checkpoint(run.path(), again);
  REQUIRE(names(run.path()) == std::vector<std::string>{"step_00000002"});
  REQUIRE(load_newest_checkpoint(run.path())->state.skipped_steps == 7);
  int entries = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(run / "checkpoints")) ++entries;
  REQUIRE(entries == 2);  // the checkpoint and `latest`
}

TEST_CASE("Checkpoint: a save that fails says why and leaves nothing behind", "[checkpoint][unit]") {
  const test::TemporaryFolder run;
  save_checkpoint(run.path(), checkpoint_of(2));
  Checkpoint broken = checkpoint_of(4);
  broken.optimizer["odd"] = at::full({2}, 1, at::kComplexFloat);  // a type the format lacks
  REQUIRE_THROWS(save_checkpoint(run.path(), broken));
  REQUIRE_FALSE(fs::exists(folder_of(run.path(), 4)));
  REQUIRE_FALSE(fs::exists(run / "checkpoints/step_00000004.unfinished"));
  REQUIRE(test::read_text(run / "checkpoints/latest") == "step_00000002\n");
  REQUIRE(load_newest_checkpoint(run.path())->state.step == 2);
}

TEST_CASE("remove_old_checkpoints: the newest and the multiples stay", "[checkpoint][unit]") {
  const test::TemporaryFolder run;
  for (const int64_t step : {2, 4, 6, 8, 9, 10}) save_checkpoint(run.path(), checkpoint_of(step));
  CheckpointConfig config;
  config.keep_last = 2;
  config.keep_every_steps = 4;
  remove_old_checkpoints(run.path(), config);
  REQUIRE(names(run.path()) ==
          std::vector<std::string>{"step_00000004", "step_00000008", "step_00000009", "step_00000010"});
  config.keep_last = 9;
  config.keep_every_steps.reset();
  remove_old_checkpoints(run.path(), config);
  REQUIRE(names(run.path()).size() == 4);
}

TEST_CASE("Checkpoint: the best one is named when it is written and stays whatever its age", "[checkpoint][unit]") {
  const test::TemporaryFolder run;
  REQUIRE_FALSE(best_checkpoint(run.path()));
  CheckpointConfig config;
  config.keep_last = 1;
  for (const int64_t step : {1, 2, 3, 4}) {
    Checkpoint checkpoint = checkpoint_of(step);
    checkpoint.state.best_step = std::min<int64_t>(step, 2);
    save_checkpoint(run.path(), checkpoint);
    remove_old_checkpoints(run.path(), config);
  }
  REQUIRE(names(run.path()) == std::vector<std::string>{"step_00000002", "step_00000004"});
  REQUIRE(best_checkpoint(run.path()) == folder_of(run.path(), 2));
  REQUIRE(test::read_text(run / "checkpoints/best") == "step_00000002\n");
}

TEST_CASE("restore_best_checkpoint: best names what the state says, or is gone", "[checkpoint][unit]") {
  const test::TemporaryFolder run;
  for (const int64_t step : {1, 2}) {
    Checkpoint checkpoint = checkpoint_of(step);
    checkpoint.state.best_step = step;
    save_checkpoint(run.path(), checkpoint);
  }
  restore_best_checkpoint(run.path(), 1);
  REQUIRE(best_checkpoint(run.path()) == folder_of(run.path(), 1));
  for (const int64_t step : {0, 7}) {
    restore_best_checkpoint(run.path(), step);
    REQUIRE_FALSE(fs::exists(run / "checkpoints/best"));
  }
}

TEST_CASE("RunState: every field survives state.json", "[checkpoint][unit]") {
  const RunState state{.step = 1,
                       .epoch = 2,
                       .loader_shift = -3,
                       .skipped_steps = 4,
                       .skipped_steps_in_a_row = 5,
                       .bad_samples = 6,
                       .seed = 7,
                       .data_rows = 8,
                       .data_content = "c",
                       .best_metric = "m",
                       .best_step = 9,
                       .best_value = 0.5,
                       .loss_scale = 32,
                       .loss_scale_good_steps = 10,
                       .config_hash = "h",
                       .program_version = "v"};
  const Json json = to_json(state);
  REQUIRE(run_state_from_json(json, "state.json") == state);
  for (const auto& [key, value] : json.items()) {
    Json without = json, wrong = json;
    without.erase(key);
    wrong[key] = Json::array();
    CAPTURE(key);
    if (key.starts_with("best_") || key.starts_with("loss_scale")) {  // older checkpoints have none
      REQUIRE(run_state_from_json(without, "state.json").step == 1);
    } else {
      REQUIRE_THROWS_WITH(run_state_from_json(without, "state.json"), ContainsSubstring("state.json: '" + key + "'"));
    }
    REQUIRE_THROWS_WITH(run_state_from_json(wrong, "state.json"), ContainsSubstring("'" + key + "'"));
  }
}

}  // namespace longclip
