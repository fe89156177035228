#pragma once
// report/log_config.h -- the `log` section: what a run tells while it works.

#include <array>
#include <optional>

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
  std::optional<std::array<int64_t, 2>> profile_steps;

  bool operator==(const LogConfig&) const = default;

  template <class Self, class Visitor> static void fields(Self& self, Visitor&& visit) {
    visit("every_steps", self.every_steps,
          {"Steps between lines on the terminal and in `log.txt`; `metrics.jsonl` holds every step."});
    visit("level", self.level, {"Least important kind of line that is written."});
    visit("tensorboard", self.tensorboard, {"Write TensorBoard events into `tb/` of the run folder."});
    visit("row_ids", self.row_ids,
          {"Write `row_ids.jsonl`: source and row of every pair of every step, as the ranks used them."});
    visit("profile_steps", self.profile_steps,
          {.meaning = "First and last step, counted from 1, of which every rank writes a Chrome trace into `profile/` of the run "
                      "folder: operations, shapes and times. These steps are slower. `none`: no trace.",
           .empty = "none"});
  }
  void validate(const RejectField& reject) const {
    if (every_steps < 1) reject("every_steps", "must be at least 1");
    if (profile_steps && ((*profile_steps)[0] < 1 || (*profile_steps)[1] < (*profile_steps)[0])) {
      reject("profile_steps", "must be two steps, the first at least 1 and the second not before it");
    }
  }
};

}  // namespace longclip
