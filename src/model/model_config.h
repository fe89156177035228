#pragma once
// model/model_config.h -- the `model`, `precision` and `memory` sections: which weights, in which arithmetic, and what is
// kept for the backward pass.

#include "base/config_field.h"
#include "model/inferred_architecture.h"

namespace longclip {

template <> struct EnumNames<Activation> {
  static constexpr std::array kNames{std::pair{Activation::kQuickGelu, "quick_gelu"},
                                     std::pair{Activation::kGelu, "gelu"}};
};

struct ModelConfig {
  std::filesystem::path init;
  bool allow_short_context = false;
  std::optional<Activation> hidden_act;
  std::optional<int64_t> text_heads;
  std::optional<int64_t> vision_heads;

  ArchitectureHints hints() const {
    return {.hidden_act = hidden_act, .text_heads = text_heads, .vision_heads = vision_heads};
  }

  bool operator==(const ModelConfig&) const = default;

  template <class Self, class Visitor> static void fields(Self& self, Visitor&& visit) {
    visit("init", self.init,
          {"Checkpoint to start from (any format `longclip inspect` reads), relative to the YAML file. Usually "
           "stretched to 248 "
           "positions with `longclip stretch`.",
           "", kRequired});
    visit("allow_short_context", self.allow_short_context,
          {"Accept a checkpoint with 77 or fewer text positions, which cuts long captions."});
    visit("hidden_act", self.hidden_act,
          {.meaning =
               "For a checkpoint without a config: `quick_gelu` (OpenAI, MetaCLIP, DFN) or `gelu` (LAION). `auto`: "
               "what the checkpoint states, else an assumption that the log tells.",
           .empty = "auto"});
    visit("text_heads", self.text_heads,
          {.meaning = "For a checkpoint without a config: attention heads of the text tower. `auto`: what the "
                      "checkpoint states, else width / 64.",
           .empty = "auto"});
    visit("vision_heads", self.vision_heads,
          {.meaning = "For a checkpoint without a config: attention heads of the image tower. `auto`: what the "
                      "checkpoint states, else width / 64, and 16 for OpenCLIP's ViT-H, ViT-g, ViT-bigG and ViT-e.",
           .empty = "auto"});
  }
  void validate(const RejectField& reject) const {
    if (text_heads && *text_heads < 1) reject("text_heads", "must be at least 1");
    if (vision_heads && *vision_heads < 1) reject("vision_heads", "must be at least 1");
  }
};

enum class Precision { kFp32, kBf16, kFp16 };
template <> struct EnumNames<Precision> {
  static constexpr std::array kNames{std::pair{Precision::kFp32, "fp32"}, std::pair{Precision::kBf16, "bf16"},
                                     std::pair{Precision::kFp16, "fp16"}};
};

struct PrecisionConfig {
  Precision compute = Precision::kBf16;
  double initial_loss_scale = 65536;
  bool tf32 = false;
  bool deterministic = false;

  bool operator==(const PrecisionConfig&) const = default;

  template <class Self, class Visitor> static void fields(Self& self, Visitor&& visit) {
    visit("compute", self.compute,
          {"Arithmetic of the towers, `fp32`, `bf16` or `fp16`. Weights, optimizer and loss are fp32 in all of them. `fp16`: the "
           "loss is multiplied by a scale that halves after a step whose gradient is not finite (it is skipped, often some of the "
           "first ones) and doubles after 2000 good ones.",
           "Long-CLIP train.py uses fp16 with a gradient scaler; bf16 needs none"});
    visit("initial_loss_scale", self.initial_loss_scale,
          {"For `fp16`: the scale of the first step.", "Long-CLIP train.py (torch.amp.GradScaler's default)"});
    visit("tf32", self.tf32, {"On a GPU: matrix products of fp32 in TF32 (10 bits of mantissa), faster. No effect on a CPU."});
    visit("deterministic", self.deterministic,
          {"On a GPU: only algorithms that give the same bits in every run, slower. A CPU always has them."});
  }
  void validate(const RejectField& reject) const {
    if (!(initial_loss_scale >= 1 && initial_loss_scale <= 1e38)) reject("initial_loss_scale", "must be from 1 to 1e38");
  }
};

enum class Checkpointing { kNone, kBlocks };
template <> struct EnumNames<Checkpointing> {
  static constexpr std::array kNames{std::pair{Checkpointing::kNone, "none"},
                                     std::pair{Checkpointing::kBlocks, "blocks"}};
};

struct MemoryConfig {
  Checkpointing activation_checkpointing = Checkpointing::kNone;
  std::optional<int64_t> micro_pairs_per_rank;

  bool operator==(const MemoryConfig&) const = default;

  template <class Self, class Visitor> static void fields(Self& self, Visitor&& visit) {
    visit("activation_checkpointing", self.activation_checkpointing,
          {"`blocks`: keep only the input of each transformer block and compute the rest again in the backward pass; "
           "the numbers "
           "stay the same. `none`: keep everything."});
    visit("micro_pairs_per_rank", self.micro_pairs_per_rank,
          {.meaning = "Pairs of a rank that pass through the towers at once. The loss still sees all pairs of the "
                      "step, at the price of "
                      "a second forward pass. `auto`: all of the rank's pairs, or the most that fit in the free memory (of the GPU; of the "
                      "machine or its control group, shared by the ranks on it), found by trials before the first step.",
           .empty = "auto"});
  }
  void validate(const RejectField& reject) const {
    if (micro_pairs_per_rank && *micro_pairs_per_rank < 1) reject("micro_pairs_per_rank", "must be at least 1");
  }
};

}  // namespace longclip
