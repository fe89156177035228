#pragma once
// checkpoint/checkpoint_config.h -- the `checkpoint` section: when checkpoints are written, which of them stay, and what happens
// when the disk does not take them.

#include "base/config_field.h"

namespace longclip {

enum class OnWriteError { kRetry, kFail };
template <> struct EnumNames<OnWriteError> {
  static constexpr std::array kNames{std::pair{OnWriteError::kRetry, "retry"}, std::pair{OnWriteError::kFail, "fail"}};
};

struct CheckpointConfig {
  int64_t every_steps = 1000;
  int64_t every_minutes = 30;
  int64_t keep_last = 3;
  std::optional<int64_t> keep_every_steps;
  std::optional<std::string> keep_best;
  OnWriteError on_error = OnWriteError::kRetry;
  int64_t retry_seconds = 60;

  bool operator==(const CheckpointConfig&) const = default;

  template <class Self, class Visitor> static void fields(Self& self, Visitor&& visit) {
    visit("every_steps", self.every_steps,
          {"Steps between checkpoints; 0: none by steps. The last step is always saved."});
    visit("every_minutes", self.every_minutes, {"Minutes between checkpoints; 0: none by time."});
    visit("keep_last", self.keep_last, {"The newest checkpoints that stay; older ones are removed."});
    visit("keep_every_steps", self.keep_every_steps,
          {"Checkpoints at multiples of this many steps stay too; `none`: no such."});
    visit("keep_best", self.keep_best,
          {"A metric of the evaluations, for example `eval_val_t2i_R@1`: whenever it is higher than ever before, a checkpoint is written, "
           "`checkpoints/best` names it, and it stays until a better one is there; `none`: no such."});
    visit("on_error", self.on_error,
          {"When a file of the run cannot be written (disk full). `retry`: the error is logged, the run goes on, a checkpoint is tried again, and lines of "
           "`metrics.jsonl` and the other logs wait in memory; the end of the run still fails with exit code 1 if the disk never takes them. `fail`: "
           "the run ends at the next step with exit code 1."});
    visit("retry_seconds", self.retry_seconds,
          {"Seconds until a failed checkpoint is tried again; 0: at the next step. At the end of a run: at most 10 seconds, 5 tries in all."});
  }
  void validate(const RejectField& reject) const {
    if (every_steps < 0) reject("every_steps", "must not be negative");
    if (every_minutes < 0) reject("every_minutes", "must not be negative");
    if (keep_last < 1) reject("keep_last", "must be at least 1");
    if (keep_every_steps && *keep_every_steps < 1) reject("keep_every_steps", "must be at least 1");
    if (retry_seconds < 0) reject("retry_seconds", "must not be negative");
  }
};

}  // namespace longclip
