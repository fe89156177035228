#pragma once
// checkpoint/checkpoint_config.h -- the `checkpoint` section: when checkpoints are written and which of them stay.

#include "base/config_field.h"

namespace longclip {

struct CheckpointConfig {
  int64_t every_steps = 1000;
  int64_t every_minutes = 30;
  int64_t keep_last = 3;
  std::optional<int64_t> keep_every_steps;

  bool operator==(const CheckpointConfig&) const = default;

  template <class Self, class Visitor> static void fields(Self& self, Visitor&& visit) {
    visit("every_steps", self.every_steps,
          {"Steps between checkpoints; 0: none by steps. The last step is always saved."});
    visit("every_minutes", self.every_minutes, {"Minutes between checkpoints; 0: none by time."});
    visit("keep_last", self.keep_last, {"The newest checkpoints that stay; older ones are removed."});
    visit("keep_every_steps", self.keep_every_steps,
          {"Checkpoints at multiples of this many steps stay too; `none`: no such."});
  }
  void validate(const RejectField& reject) const {
    if (every_steps < 0) reject("every_steps", "must not be negative");
    if (every_minutes < 0) reject("every_minutes", "must not be negative");
    if (keep_last < 1) reject("keep_last", "must be at least 1");
    if (keep_every_steps && *keep_every_steps < 1) reject("keep_every_steps", "must be at least 1");
  }
};

}  // namespace longclip
