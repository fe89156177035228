// train/step_profiler.cpp -- see train/step_profiler.h
#include "train/step_profiler.h"

#include "base/log.h"

namespace longclip {
namespace {

std::filesystem::path file_of(const std::array<int64_t, 2>& steps, const std::filesystem::path& run_dir, int64_t rank) {
  return run_dir / "profile" / fmt::format("steps_{}-{}.rank{}.json", steps[0], steps[1], rank);
}

}  // namespace

StepProfiler::StepProfiler(const std::optional<std::array<int64_t, 2>>& steps, const std::filesystem::path& run_dir, int64_t rank, bool on_gpu)
    : steps_(steps), file_(steps ? file_of(*steps, run_dir, rank) : std::filesystem::path()), on_gpu_(on_gpu) {}

void StepProfiler::before(int64_t step) {
  if (steps_ && !recorder_ && step >= (*steps_)[0] && step <= (*steps_)[1]) recorder_.emplace(on_gpu_);
}

void StepProfiler::check_steps(int64_t first, int64_t last) const {
  if (!steps_ || ((*steps_)[0] <= last && (*steps_)[1] >= first)) return;
  log_warning("log.profile_steps: there will be no trace: steps {} to {} are none of this run's, {} to {}", (*steps_)[0], (*steps_)[1], first, last);
}

void StepProfiler::after(int64_t step, bool run_ends) {
  if (!recorder_ || (step < (*steps_)[1] && !run_ends)) return;
  try {
    recorder_->save(file_);
    log_info("the trace up to step {} is {}; open it in ui.perfetto.dev", step, file_.string());
  } catch (const std::exception& error) {
    log_warning("log.profile_steps: {}", error.what());
  }
  recorder_.reset();
}

}  // namespace longclip
