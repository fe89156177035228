// tests/train/run_saver_test.cpp -- when a checkpoint is due, and what follows a failed one.
#include "train/run_saver.h"

#include <ATen/ops/full.h>

#include "base/log.h"
#include "support/file_size_limit.h"
#include "support/reference_data.h"

#include "support/catch.h"

namespace longclip {
namespace {

/// A run that is at step `step`, in a folder of its own.
class Run {
 public:
  explicit Run(CheckpointConfig config, int64_t saved_step = -1)
      : log_(folder_ / "metrics.jsonl"),
        saver_(folder_.path(), config, {.checkpoint = [this] { return now(); }, .files = {&log_}, .clock_seconds = [this] { return seconds; }}, saved_step) {
    start_log("", LogLevel::kError);
  }
  SaveVerdict verdict_at(int64_t at) {
    step = at;
    return saver_.verdict(at);
  }
  /// Begins a checkpoint, up to its copy.
  void save() {
    saver_.save();
    saver_.before_update();
  }
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& folder : list_checkpoints(folder_.path())) found.push_back(folder.filename().string());
    return found;
  }
  /// What checkpoints/best names.
  std::string best() const { return best_checkpoint(folder_.path()).value().filename().string(); }
  RunSaver& saver() { return saver_; }
  AppendFile& log() { return log_; }
  int64_t step = 0;
  int64_t best_step = 0;
  double seconds = 1000;  ///< what the clock shows

 private:
  Checkpoint now() const {
    Checkpoint checkpoint;
    checkpoint.model = {{"weight", at::full({1000}, step, at::kFloat)}};
    checkpoint.optimizer = {{"step.weight", at::full({}, step, at::kFloat)}};
    checkpoint.state.step = step;
    checkpoint.state.best_step = best_step;
    return checkpoint;
  }

  test::TemporaryFolder folder_;
  AppendFile log_;
  RunSaver saver_;
};

/// `retry` at the next step, nothing by time.
CheckpointConfig every(int64_t steps) {
  CheckpointConfig config;
  config.every_steps = steps;
  config.every_minutes = 0;
  config.retry_seconds = 0;
  return config;
}

CheckpointConfig fail_every(int64_t steps) {
  CheckpointConfig config = every(steps);
  config.on_error = OnWriteError::kFail;
  return config;
}

/// The verdicts of steps 1.. until a failure was noticed, which the thread may need a while for.
SaveVerdict next_but_nothing(Run& run) {
  for (int64_t step = run.step + 1;; ++step) {
    if (const SaveVerdict verdict = run.verdict_at(step); verdict != SaveVerdict::kNothing) return verdict;
  }
}

}  // namespace

TEST_CASE("RunSaver: a checkpoint is due at multiples of every_steps", "[train][unit]") {
  Run run(every(2));
  REQUIRE(run.verdict_at(1) == SaveVerdict::kNothing);
  REQUIRE(run.verdict_at(2) == SaveVerdict::kSave);
  REQUIRE(run.verdict_at(3) == SaveVerdict::kNothing);
  Run never(every(0));
  REQUIRE(never.verdict_at(2) == SaveVerdict::kNothing);
}

TEST_CASE("RunSaver: a checkpoint is due every_minutes after the one before, whatever its step", "[train][unit]") {
  CheckpointConfig config = every(0);
  config.every_minutes = 2;
  Run run(config);
  run.seconds += 119;
  REQUIRE(run.verdict_at(1) == SaveVerdict::kNothing);
  run.seconds += 1;
  REQUIRE(run.verdict_at(2) == SaveVerdict::kSave);
  run.save();
  REQUIRE(run.verdict_at(3) == SaveVerdict::kNothing);
  run.seconds += 120;
  REQUIRE(run.verdict_at(4) == SaveVerdict::kSave);
}

TEST_CASE("RunSaver: a failed checkpoint is tried again after retry_seconds", "[train][unit]") {
  CheckpointConfig config = every(0);
  config.retry_seconds = 60;
  Run run(config);
  run.verdict_at(5);
  {
    const test::FileSizeLimit full(1000);
    run.save();
    while (run.saver().saved_step() == 5) run.verdict_at(6);  // until the failure was noticed
  }
  run.seconds += 59;
  REQUIRE(run.verdict_at(7) == SaveVerdict::kNothing);
  run.seconds += 1;
  REQUIRE(run.verdict_at(8) == SaveVerdict::kSave);
}

TEST_CASE("RunSaver: retry asks for a new checkpoint after a failed one", "[train][unit]") {
  Run run(every(0));
  run.verdict_at(5);
  {
    const test::FileSizeLimit full(1000);
    run.save();
    REQUIRE(next_but_nothing(run) == SaveVerdict::kSave);
  }
  REQUIRE(run.names().empty());
  run.save();
  run.saver().finish(run.step);
  REQUIRE(run.names() == std::vector{fmt::format("step_{:08d}", run.step)});
  REQUIRE(run.verdict_at(run.step + 1) == SaveVerdict::kNothing);
}

TEST_CASE("RunSaver: a best checkpoint that the disk does not take leaves the older best, until a higher value is written",
          "[train][unit]") {
  CheckpointConfig config = every(0);
  config.keep_last = 1;
  Run run(config);
  const auto save_best_at = [&](int64_t step) {
    run.verdict_at(step);
    run.best_step = step;
    run.save();
  };
  save_best_at(3);
  run.saver().finish(3);
  REQUIRE(run.best() == "step_00000003");
  {
    const test::FileSizeLimit full(1000);
    save_best_at(6);
    REQUIRE(next_but_nothing(run) == SaveVerdict::kSave);  // the run goes on
  }
  REQUIRE(run.best() == "step_00000003");
  run.save();  // of a step that is not the best
  run.saver().finish(run.step);
  REQUIRE(run.best() == "step_00000003");
  REQUIRE(run.names() == std::vector{std::string("step_00000003"), fmt::format("step_{:08d}", run.step)});
  save_best_at(1'000'000'000);
  run.saver().finish(run.step);
  REQUIRE(run.best() == "step_1000000000");
  REQUIRE(run.names() == std::vector<std::string>{"step_1000000000"});
}

TEST_CASE("RunSaver: fail ends the run with the file, the reason and the checkpoint that is intact", "[train][unit]") {
  Run run(fail_every(0));
  run.verdict_at(5);
  run.save();
  run.saver().finish(5);
  const test::FileSizeLimit full(1000);
  run.verdict_at(6);
  run.save();
  REQUIRE(next_but_nothing(run) == SaveVerdict::kFail);
  REQUIRE_THAT(run.saver().failure(), ContainsSubstring("the checkpoint of step 6") && ContainsSubstring("model.safetensors") &&
                                          ContainsSubstring("File too large") && ContainsSubstring("step_00000005 is intact"));
  REQUIRE(run.names() == std::vector<std::string>{"step_00000005"});
}

TEST_CASE("RunSaver: a line that is held back ends a run under fail alone", "[train][unit]") {
  Run patient(every(0)), strict(fail_every(0));
  for (Run* run : {&patient, &strict}) {
    const test::FileSizeLimit full(1);
    run->log().append("{}\n");
    run->verdict_at(1);
  }
  REQUIRE(patient.verdict_at(2) == SaveVerdict::kNothing);
  REQUIRE(strict.verdict_at(2) == SaveVerdict::kFail);
  REQUIRE_THAT(strict.saver().failure(), ContainsSubstring("metrics.jsonl: File too large"));
  patient.saver().finish(2);  // there is room now
  REQUIRE(test::read_text(patient.log().path()) == "{}\n");
}

TEST_CASE("RunSaver: the end of a run waits for what is in work, and saves what is not saved", "[train][unit]") {
  Run run(every(0));
  run.verdict_at(3);
  run.save();
  run.verdict_at(4);
  run.saver().finish(4);
  REQUIRE(run.names() == std::vector<std::string>{"step_00000003", "step_00000004"});
  Run resumed(every(0), /*saved_step=*/4);
  resumed.verdict_at(4);
  resumed.saver().finish(4);
  REQUIRE(resumed.names().empty());  // what it continues from is saved already
}

TEST_CASE("RunSaver: the end of a run that cannot be saved is an error, under retry after some tries", "[train][unit]") {
  for (const CheckpointConfig& config : {every(0), fail_every(0)}) {
    Run run(config);
    run.verdict_at(3);
    run.saver().finish(3);
    run.verdict_at(4);
    const test::FileSizeLimit full(1000);
    REQUIRE_THROWS_WITH(run.saver().finish(4), ContainsSubstring("the checkpoint of step 4") && ContainsSubstring("File too large") &&
                                                   ContainsSubstring("step_00000003 is intact"));
    REQUIRE(run.names() == std::vector<std::string>{"step_00000003"});
  }
}

TEST_CASE("RunSaver: the stall is told once", "[train][unit]") {
  Run run(every(0));
  REQUIRE(run.saver().take_stall_seconds() == 0);
  run.save();
  REQUIRE(run.saver().take_stall_seconds() > 0);
  REQUIRE(run.saver().take_stall_seconds() == 0);
}

}  // namespace longclip
