#pragma once
// optim/loss_scale.h -- how the scale of the loss in fp16 follows the steps.

#include <cstdint>

namespace longclip {

/// After a step. `finite`: so was its gradient. `good_steps`: such steps in a row since the scale changed.
/// Source: torch.amp.GradScaler with its defaults, which Long-CLIP train.py uses.
inline void update_loss_scale(bool finite, double& scale, int64_t& good_steps) {
  constexpr int64_t kStepsUntilGrowth = 2000;
  good_steps = finite ? good_steps + 1 : 0;
  if (!finite) scale /= 2;
  if (good_steps < kStepsUntilGrowth) return;
  scale *= 2;
  good_steps = 0;
}

}  // namespace longclip
