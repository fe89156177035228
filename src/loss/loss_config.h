#pragma once
// loss/loss_config.h -- the `loss` section: the two contrastive terms, the coarse features (PCM) and the logit scale.
// Sources: Long-CLIP, arXiv:2403.15378 (model/model_longclip.py at 3966af9); HiMo-CLIP for the text side and the energy.

#include "base/config_field.h"

namespace longclip {

enum class PcmSide { kImage, kText, kBoth, kNone };
template <> struct EnumNames<PcmSide> {
  static constexpr std::array kNames{std::pair{PcmSide::kImage, "image"}, std::pair{PcmSide::kText, "text"},
                                     std::pair{PcmSide::kBoth, "both"}, std::pair{PcmSide::kNone, "none"}};
};

enum class PcmScope { kLocal, kGlobal };
template <> struct EnumNames<PcmScope> {
  static constexpr std::array kNames{std::pair{PcmScope::kLocal, "local"}, std::pair{PcmScope::kGlobal, "global"}};
};

/// Coarse features: the rows of a batch projected on their first principal components.
struct PcmConfig {
  PcmSide side = PcmSide::kImage;
  PcmScope scope = PcmScope::kLocal;
  int64_t components = 32;  ///< ignored while `energy` is set
  std::optional<double> energy;

  bool operator==(const PcmConfig&) const = default;

  template <class Self, class Visitor> static void fields(Self& self, Visitor&& visit) {
    visit("side", self.side,
          {"What the second term compares. `image`: coarse image features with short captions; `text`: image features "
           "with coarse "
           "long captions (no short captions); `both`: the sum of the two; `none`: image features with short captions.",
           "`image`: Long-CLIP; `text`: HiMo-CLIP"});
    visit("scope", self.scope,
          {"Rows whose components are taken. `local`: those of each rank, so the result depends on the number of "
           "ranks; `global`: "
           "those of all ranks.",
           "Long-CLIP"});
    visit("components", self.components,
          {"Principal components that are kept. With at most this many + 1 rows the coarse features equal the "
           "features. Give this "
           "or `energy`, not both.",
           "Long-CLIP model_longclip.py, `PCA(x, 32)`"});
    visit(
        "energy", self.energy,
        {.meaning =
             "Keep the fewest components that hold this share of the variance, in (0, 1]; `none`: `components` counts.",
         .source = "HiMo-CLIP uses 0.9",
         .replaces = "components"});
  }

  void validate(const RejectField& reject) const {
    if (components < 1) reject("components", "must be at least 1");
    if (energy && (*energy <= 0 || *energy > 1)) reject("energy", "must be greater than 0 and at most 1");
  }
};

struct LossConfig {
  double long_weight = 1.0;
  double short_weight = 1.0;
  double label_smoothing = 0.1;
  std::optional<double> initial_logit_scale = 4.6052;  ///< empty: keep the checkpoint's
  std::optional<double> max_logit_scale;
  PcmConfig pcm;

  bool operator==(const LossConfig&) const = default;

  template <class Self, class Visitor> static void fields(Self& self, Visitor&& visit) {
    visit("long_weight", self.long_weight,
          {"Weight of the term of the long captions; 0 switches it and its captions off.", "Long-CLIP train.py"});
    visit("short_weight", self.short_weight,
          {"Weight of the second term (see `loss.pcm.side`); 0 switches it and its captions off.",
           "Long-CLIP train.py (0.1 in versions before May 2024)"});
    visit("label_smoothing", self.label_smoothing,
          {"Share of the target spread evenly over all candidates, in [0, 1).", "Long-CLIP model_longclip.py"});
    visit("initial_logit_scale", self.initial_logit_scale,
          {.meaning = "Natural logarithm of the factor on the cosines at the start; `keep`: as in the checkpoint.",
           .source = "Long-CLIP train.py, `--log_scale` (= ln 100)",
           .empty = "keep"});
    visit("max_logit_scale", self.max_logit_scale,
          {"`logit_scale` is cut to this after each step (OpenAI CLIP: 4.6052); `none`: never.",
           "Long-CLIP does not clamp"});
    visit("pcm", self.pcm, {"Coarse features of the second term."});
  }

  void validate(const RejectField& reject) const {
    if (long_weight < 0) reject("long_weight", "must not be negative");
    if (short_weight < 0) reject("short_weight", "must not be negative");
    if (long_weight == 0 && short_weight == 0)
      reject("short_weight", "is 0 and so is loss.long_weight: nothing to train");
    if (label_smoothing < 0 || label_smoothing >= 1) reject("label_smoothing", "must be at least 0 and less than 1");
    const auto out_of_range = [](std::optional<double> log_scale) {
      return log_scale && (*log_scale < -20 || *log_scale > 20);
    };
    if (out_of_range(initial_logit_scale)) reject("initial_logit_scale", "is a logarithm: must lie between -20 and 20");
    if (out_of_range(max_logit_scale)) reject("max_logit_scale", "is a logarithm: must lie between -20 and 20");
    if (initial_logit_scale && max_logit_scale && *initial_logit_scale > *max_logit_scale) {
      reject("max_logit_scale", "is less than loss.initial_logit_scale");
    }
  }
};

}  // namespace longclip
