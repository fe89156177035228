#pragma once
// train/step_profiler.h -- log.profile_steps: the trace of some steps of a run.

#include <array>
#include <optional>

#include "tensors/trace_recorder.h"

namespace longclip {

/// Records the steps from the first to the last one and writes RUN/profile/steps_FIRST-LAST.rankN.json. Every rank has its own.
class StepProfiler {
 public:
  /// `steps`: log.profile_steps, first and last step, counted from 1. Empty: does nothing.
  StepProfiler(const std::optional<std::array<int64_t, 2>>& steps, const std::filesystem::path& run_dir, int64_t rank, bool on_gpu);
  /// Warns if none of the steps is among those from `first` to `last`.
  void check_steps(int64_t first, int64_t last) const;
  void before(int64_t step);
  /// After the last of the steps, or of the run: writes the file. One that cannot be written is a warning, not the end of a run.
  void after(int64_t step, bool run_ends);

 private:
  const std::optional<std::array<int64_t, 2>> steps_;
  const std::filesystem::path file_;
  const bool on_gpu_;
  std::optional<TraceRecorder> recorder_;
};

}  // namespace longclip
