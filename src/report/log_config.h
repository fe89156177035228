#pragma once
// report/log_config.h -- the `log` section: what a run tells while it works.

#include "base/config_field.h"
#include "base/log.h"

namespace longclip {

template <> struct EnumNames<LogLevel> {
  static constexpr std::array kNames{std::pair{LogLevel::kDebug, "debug"}, std::pair{LogLevel::kInfo, "info"},
                                     std::pair{LogLevel::kWarning, "warning"}};
};

struct LogConfig {
  int64_t every_steps = 1;
  LogLevel level = LogLevel::kInfo;
  bool tensorboard = true;
  bool row_ids = false;

  bool operator==(const LogConfig&) const = default;

  template <class Self, class Visitor> static void fields(Self& self, Visitor&& visit) {
    visit("every_steps", self.every_steps,
          {"Steps between lines on the terminal and in `log.txt`; `metrics.jsonl` holds every step."});
    visit("level", self.level, {"Least important kind of line that is written."});
    visit("tensorboard", self.tensorboard, {"Write TensorBoard events into `tb/` of the run folder."});
    visit("row_ids", self.row_ids,
          {"Write `row_ids.jsonl`: source and row of every pair of every step, as the ranks used them."});
  }
  void validate(const RejectField& reject) const {
    if (every_steps < 1) reject("every_steps", "must be at least 1");
  }
};

}  // namespace longclip
