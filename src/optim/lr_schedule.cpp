// optim/lr_schedule.cpp -- see optim/lr_schedule.h
#include "optim/lr_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace longclip {

double LrSchedule::at(int64_t step) const {
  if (step < warmup_steps) return peak_lr * static_cast<double>(step + 1) / static_cast<double>(warmup_steps);
  const auto passed = static_cast<double>(step - warmup_steps);
  const auto length = static_cast<double>(std::max<int64_t>(total_steps - warmup_steps, 1));
  return 0.5 * (1 + std::cos(std::numbers::pi * passed / length)) * peak_lr;
}

}  // namespace longclip
