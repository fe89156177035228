#pragma once
// optim/optim_config.h -- the `optim` and `schedule` sections: AdamW and the learning rate over the steps.
// train.py is https://github.com/beichenzbc/Long-CLIP, file train/train.py at commit 3966af9.

#include "base/config_field.h"

namespace longclip {

enum class Tower { kVision, kText };
template <> struct EnumNames<Tower> {
  static constexpr std::array kNames{std::pair{Tower::kVision, "vision"}, std::pair{Tower::kText, "text"}};
};

struct OptimConfig {
  double lr = 1e-6;
  double weight_decay = 1e-2;
  std::array<double, 2> betas{0.9, 0.999};
  double eps = 1e-8;
  std::optional<double> max_grad_norm;
  std::vector<Tower> freeze;
  int64_t max_skipped_steps = 20;

  bool operator==(const OptimConfig&) const = default;

  template <class Self, class Visitor> static void fields(Self& self, Visitor&& visit) {
    visit("lr", self.lr, {"Peak learning rate, reached at the end of the warm-up.", "Long-CLIP train.py, `--lr`"});
    visit("weight_decay", self.weight_decay,
          {"Decoupled decay (AdamW) of every trained parameter, biases and `logit_scale` too; 0: off.",
           "Long-CLIP train.py, `--weight_decay`"});
    visit("betas", self.betas, {"Decay rates of the two moments of AdamW.", "Long-CLIP train.py (torch's default)"});
    visit("eps", self.eps, {"Added to the root of the second moment.", "Long-CLIP train.py (torch's default)"});
    visit("max_grad_norm", self.max_grad_norm,
          {"Gradients are scaled down to this l2 norm over all parameters; `none`: never.", "Long-CLIP does not clip"});
    visit("freeze", self.freeze,
          {"Towers that are not trained: any of `vision`, `text`; `logit_scale` always is.", "Long-CLIP trains both"});
    visit("max_skipped_steps", self.max_skipped_steps,
          {"Steps in a row with a non-finite loss or gradient (each skipped) after which the run stops.", "",
           kMayChange});
  }

  void validate(const RejectField& reject) const {
    if (lr < 0) reject("lr", "must not be negative");
    if (weight_decay < 0) reject("weight_decay", "must not be negative");
    for (const double beta : betas) {
      if (beta < 0 || beta >= 1) reject("betas", "each must be at least 0 and less than 1");
    }
    if (eps <= 0) reject("eps", "must be greater than 0");
    if (max_grad_norm && *max_grad_norm <= 0)
      reject("max_grad_norm", "must be greater than 0 (`none` switches it off)");
    if (freeze.size() > 2 || (freeze.size() == 2 && freeze[0] == freeze[1])) reject("freeze", "names a tower twice");
    if (max_skipped_steps < 1) reject("max_skipped_steps", "must be at least 1");
  }
};

struct ScheduleConfig {
  int64_t epochs = 2;  ///< ignored while `steps` is set
  std::optional<int64_t> steps;
  int64_t warmup_steps = 200;

  bool operator==(const ScheduleConfig&) const = default;

  template <class Self, class Visitor> static void fields(Self& self, Visitor&& visit) {
    visit("epochs", self.epochs,
          {"Length of the run in passes over the data (a whole number). Give this or `steps`, not both.",
           "Long-CLIP train.py, `--epochs` (its train.md says 6, the paper 1)", kMayChange});
    visit("steps", self.steps,
          {.meaning = "Length of the run in optimizer steps; `none`: `epochs` counts.",
           .flags = kMayChange,
           .replaces = "epochs"});
    visit("warmup_steps", self.warmup_steps,
          {"Optimizer steps over which the learning rate rises linearly to `optim.lr`; a half cosine to 0 follows.",
           "Long-CLIP train.py, `--warmup_length`"});
  }

  void validate(const RejectField& reject) const {
    if (epochs < 1) reject("epochs", "must be at least 1");
    if (steps && *steps < 1) reject("steps", "must be at least 1");
    if (warmup_steps < 0) reject("warmup_steps", "must not be negative");
  }
};

}  // namespace longclip
