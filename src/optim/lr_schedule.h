#pragma once
// optim/lr_schedule.h -- the learning rate as a pure function of the step, so that a resumed run needs no schedule state.

#include <cstdint>

namespace longclip {

/// Linear warm-up, then half a cosine down to 0.
struct LrSchedule {
  double peak_lr = 0;
  int64_t warmup_steps = 0;
  int64_t total_steps = 1;

  /// The learning rate used in step 0, 1, ...: peak*(step+1)/warmup during warm-up, then
  /// peak/2*(1+cos(pi*(step-warmup)/(total-warmup))). Source: Long-CLIP, train/scheduler.py cosine_lr @3966af9.
  double at(int64_t step) const;
};

}  // namespace longclip
