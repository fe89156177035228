// train/run_saver.cpp -- see train/run_saver.h
#include "train/run_saver.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/progress.h"

namespace longclip {
namespace {

constexpr int kLastTries = 5;
constexpr int64_t kLastPauseSeconds = 10;  // who stopped the run by a signal will not wait for minutes

}  // namespace

RunSaver::RunSaver(std::filesystem::path run_dir, const CheckpointConfig& config, Content content, int64_t saved_step)
    : run_dir_(std::move(run_dir)),
      config_(config),
      content_(std::move(content)),
      saved_step_(saved_step),
      saved_seconds_(content_.clock_seconds()),
      writer_(run_dir_, config_, content_.checkpoint()) {}

SaveVerdict RunSaver::verdict(int64_t step) {
  note(writer_.take_failure());
  if (config_.on_error == OnWriteError::kFail) {
    for (const AppendFile* file : content_.files) {
      if (!file->failure().empty()) failure_ = file->failure();
    }
    if (!failure_.empty()) return SaveVerdict::kFail;
  }
  return due(step) ? SaveVerdict::kSave : SaveVerdict::kNothing;
}

bool RunSaver::due(int64_t step) const {
  const double now = content_.clock_seconds();
  if (config_.every_steps > 0 && step % config_.every_steps == 0) return true;
  if (retry_seconds_) return now >= *retry_seconds_;
  return config_.every_minutes > 0 && now - saved_seconds_ >= 60.0 * static_cast<double>(config_.every_minutes);
}

void RunSaver::save() {
  const double began = monotonic_seconds();
  writer_.wait_until_idle();
  const double waited = monotonic_seconds() - began;
  note(writer_.take_failure());
  Checkpoint checkpoint = content_.checkpoint();
  if (waited > 0.1) {
    log_warning("the checkpoint of step {} waited {:.1f} s, because the one before was still being written", checkpoint.state.step, waited);
  }
  saved_step_ = checkpoint.state.step;
  saved_seconds_ = content_.clock_seconds();
  retry_seconds_.reset();
  writer_.start(std::move(checkpoint));
  copying_ = true;
  stall_seconds_ += monotonic_seconds() - began;
}

void RunSaver::before_update() {
  if (!std::exchange(copying_, false)) return;
  const double began = monotonic_seconds();
  writer_.wait_for_snapshot();
  stall_seconds_ += monotonic_seconds() - began;
}

double RunSaver::take_stall_seconds() { return std::exchange(stall_seconds_, 0); }

void RunSaver::note(const std::optional<WriteFailure>& failure) {
  if (!failure) return;
  saved_step_ = -1;
  if (config_.on_error == OnWriteError::kFail) {
    failure_ = describe(*failure);
    return;
  }
  retry_seconds_ = content_.clock_seconds() + static_cast<double>(config_.retry_seconds);
  log_error("{}; it is tried again after {} s (checkpoint.retry_seconds)", describe(*failure), config_.retry_seconds);
}

void RunSaver::finish(int64_t step) {
  const int64_t pause = std::min(config_.retry_seconds, kLastPauseSeconds);
  for (int tries = config_.on_error == OnWriteError::kRetry ? kLastTries : 1;; --tries) {
    const std::string problem = try_to_finish(step);
    if (problem.empty()) return;
    require<std::runtime_error>(tries > 1, "{}", problem);
    log_error("{}; the run ends here, so this is tried {} more times, every {} s", problem, tries - 1, pause);
    std::this_thread::sleep_for(std::chrono::seconds(pause));
  }
}

std::string RunSaver::try_to_finish(int64_t step) {
  if (saved_step_ != step) save();
  writer_.wait_until_idle();
  if (const auto failure = writer_.take_failure()) {
    saved_step_ = -1;
    return describe(*failure);
  }
  try {
    for (AppendFile* file : content_.files) file->flush();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return failure_;  // under `fail`: of an earlier checkpoint
}

std::string RunSaver::describe(const WriteFailure& failure) const {
  const std::vector<std::filesystem::path> intact = list_checkpoints(run_dir_);
  return fmt::format("the checkpoint of step {} could not be written: {}; {}", failure.step, failure.reason,
                     intact.empty() ? "there is none before it" : intact.back().filename().string() + " is intact");
}

}  // namespace longclip
