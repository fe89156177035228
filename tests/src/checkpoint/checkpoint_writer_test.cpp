// tests/src/checkpoint/checkpoint_writer_test.cpp -- checkpoints from a thread: the bytes of those that are written at once.
#include "checkpoint/checkpoint_writer.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>

#include "support/file_size_limit.h"
#include "support/reference_data.h"

#include "support/catch.h"

namespace longclip {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kRows = 50'000;

Checkpoint checkpoint_of(int64_t step) {
  Checkpoint checkpoint;
  checkpoint.model = {{"weight", at::arange(kRows * 3, at::kFloat).add(static_cast<double>(step)).view({kRows, 3})},
                      {"turned", at::arange(6, at::kFloat).view({2, 3}).t()},
                      {"logit_scale", at::full({}, 4.6052, at::kFloat)}};
  checkpoint.architecture = {{"image_size", 32}};
  checkpoint.optimizer = {{"exp_avg.weight", at::full({kRows, 3}, 0.5, at::kFloat)}, {"step.weight", at::full({}, step, at::kFloat)}};
  checkpoint.state.step = step;
  checkpoint.state.data_content = "abc";
  checkpoint.config_yaml = "run: {name: x}\n";
  return checkpoint;
}

std::map<std::string, std::string> files_below(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files[fs::relative(entry.path(), folder).string()] = test::read_text(entry.path());
  }
  return files;
}

}  // namespace

TEST_CASE("CheckpointWriter: the files are, byte for byte, those of a save that is waited for", "[checkpoint][unit]") {
  const test::TemporaryFolder at_once, by_thread;
  CheckpointWriter writer(by_thread.path(), {}, checkpoint_of(0));
  for (const int64_t step : {2, 4}) {
    save_checkpoint(at_once.path(), checkpoint_of(step));
    writer.start(checkpoint_of(step));  // the second waits for the first
  }
  writer.wait_until_idle();
  REQUIRE_FALSE(writer.take_failure().has_value());
  REQUIRE(files_below(by_thread.path()).size() == 11);
  REQUIRE(files_below(by_thread.path()) == files_below(at_once.path()));
}

TEST_CASE("CheckpointWriter: what changes after the copy does not reach the files", "[checkpoint][unit]") {
  const test::TemporaryFolder run;
  const Checkpoint live = checkpoint_of(2);
  CheckpointWriter writer(run.path(), {}, live);
  writer.start(live);
  writer.wait_for_snapshot();
  live.model.at("weight").fill_(7);
  live.optimizer.at("exp_avg.weight").fill_(7);
  live.optimizer.at("step.weight").fill_(7);
  writer.wait_until_idle();
  const Checkpoint loaded = *load_newest_checkpoint(run.path()), wanted = checkpoint_of(2);
  REQUIRE(loaded.model.at("weight").equal(wanted.model.at("weight")));
  REQUIRE(loaded.optimizer.at("exp_avg.weight").equal(wanted.optimizer.at("exp_avg.weight")));
  REQUIRE(loaded.optimizer.at("step.weight").equal(wanted.optimizer.at("step.weight")));
}

TEST_CASE("CheckpointWriter: a write that fails is told once and leaves the checkpoints before it", "[checkpoint][unit]") {
  const test::TemporaryFolder run;
  CheckpointWriter writer(run.path(), {}, checkpoint_of(0));
  writer.start(checkpoint_of(2));
  writer.wait_until_idle();
  const auto before = files_below(run.path());
  {
    const test::FileSizeLimit full(1000);
    writer.start(checkpoint_of(4));
    writer.wait_until_idle();
  }
  const auto failure = writer.take_failure();
  REQUIRE(failure.has_value());
  REQUIRE(failure->step == 4);
  REQUIRE_THAT(failure->reason, ContainsSubstring("model.safetensors") && ContainsSubstring("File too large"));
  REQUIRE_FALSE(writer.take_failure().has_value());
  REQUIRE(files_below(run.path()) == before);
  REQUIRE_FALSE(fs::exists(run / "checkpoints/step_00000004.unfinished"));
  writer.start(checkpoint_of(4));
  writer.wait_until_idle();
  REQUIRE_FALSE(writer.take_failure().has_value());
  REQUIRE(load_newest_checkpoint(run.path())->state.step == 4);
}

TEST_CASE("CheckpointWriter: its end finishes what was begun", "[checkpoint][unit]") {
  const test::TemporaryFolder run;
  {
    CheckpointWriter writer(run.path(), {}, checkpoint_of(0));
    writer.start(checkpoint_of(6));
  }
  REQUIRE(load_newest_checkpoint(run.path())->state.step == 6);
  REQUIRE(test::read_text(run / "checkpoints/latest") == "step_00000006\n");
}

TEST_CASE("CheckpointWriter: removes old checkpoints, and first what a kill left", "[checkpoint][unit]") {
  const test::TemporaryFolder run;
  test::write_text(run / "checkpoints/step_00000009.unfinished/model.safetensors", "half a file");
  CheckpointConfig config;
  config.keep_last = 1;
  CheckpointWriter writer(run.path(), config, checkpoint_of(0));
  writer.wait_until_idle();
  REQUIRE_FALSE(fs::exists(run / "checkpoints/step_00000009.unfinished"));
  for (const int64_t step : {2, 4}) writer.start(checkpoint_of(step));
  writer.wait_until_idle();
  REQUIRE(list_checkpoints(run.path()).size() == 1);
  REQUIRE(load_newest_checkpoint(run.path())->state.step == 4);
}

}  // namespace longclip
