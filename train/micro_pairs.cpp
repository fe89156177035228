// train/micro_pairs.cpp -- see train/micro_pairs.h
#include "train/micro_pairs.h"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "base/log.h"
#include "tensors/device_memory.h"

namespace longclip {
namespace {

constexpr double kShareUsed = 0.85;      // of the free memory: the rest is for fragmentation and other programs
constexpr double kShareWithoutTrial = 0.3;  // a rough bound below this share needs no trial
constexpr int64_t kTrialBytes = 512 << 20;  // roughly: much more than what the process holds back for later

/// Not less than the activations of a pair: about 20 rows of the tower's width for each token and block, and the score rows.
int64_t rough_bytes_per_pair(const Architecture& architecture, at::ScalarType dtype) {
  const auto of_tower = [](const TowerSize& tower, int64_t tokens) { return tower.layers * tokens * (20 * tower.width + 2 * tower.mlp_width); };
  const int64_t elements = of_tower(architecture.vision, architecture.image_tokens()) + of_tower(architecture.text, 2 * architecture.context_length);
  return elements * static_cast<int64_t>(c10::elementSize(dtype));
}

/// Pictures of one colour, and captions that fill every position.
PairBatch longest_batch(const Architecture& architecture, int64_t pairs) {
  PairBatch batch;
  const int64_t side = architecture.image_size;
  batch.pixels_BSS3 = at::zeros({pairs, side, side, 3}, at::TensorOptions().dtype(at::kByte));
  std::vector<int32_t> text(static_cast<size_t>(architecture.context_length), 1);
  text.back() = static_cast<int32_t>(architecture.eos_id);
  batch.rows.resize(static_cast<size_t>(pairs));
  batch.long_ids.assign(static_cast<size_t>(pairs), text);
  batch.short_ids = batch.long_ids;
  return batch;
}

/// Peak of one forward and backward pass; gradients stay allocated, as in training.
int64_t peak_of_trial(Clip& model, const ForwardOptions& forward, int64_t pairs) {
  reset_peak_memory(model.device());
  const PairBatch batch = longest_batch(model.architecture(), pairs);
  const StepFeatures encoded(model, batch, {.forward = forward, .micro_pairs = std::nullopt});
  const Features& features = encoded.features();
  features.image.sum().add(features.long_text.sum()).add(features.short_text.sum()).backward();
  return peak_memory_bytes(model.device());
}

/// What a CPU will take later: AdamW's moments are zeros that nobody touched yet, and a checkpoint copies weights and moments.
int64_t bytes_needed_later(Clip& model) {
  if (model.device().is_cuda()) return 0;  // allocated for good; the copy is in the machine's memory
  int64_t bytes = 0;
  for (const Parameter& parameter : model.trained_parameters()) bytes += static_cast<int64_t>(parameter.tensor.nbytes());
  return (2 + 3) * bytes;
}

bool is_trained(Clip& model) { return model.trained_parameters().size() > 1; }  // the logit scale always is

}  // namespace

int64_t most_pairs_within(int64_t limit_bytes, int64_t pairs, int64_t trial_pairs, const TrialOfPairs& trial) {
  if (pairs <= trial_pairs) return pairs;
  const int64_t few_pairs = trial_pairs / 3;
  const int64_t few = trial(few_pairs), many = trial(trial_pairs);
  const double bytes_per_pair = std::max(1.0, static_cast<double>(many - few) / static_cast<double>(trial_pairs - few_pairs));
  const double more = std::floor(static_cast<double>(limit_bytes - few) / bytes_per_pair);
  return std::llround(std::clamp(static_cast<double>(few_pairs) + more, 1.0, static_cast<double>(pairs)));
}

int64_t choose_micro_pairs(Clip& model, const ForwardOptions& forward, int64_t pairs, int64_t ranks_here, int64_t copies) {
  const at::Device device = model.device();
  const int64_t left = free_memory_bytes(device) / (device.is_cuda() ? 1 : ranks_here) - bytes_needed_later(model);
  const int64_t free_bytes = std::max<int64_t>(1, left / copies);
  const int64_t rough = rough_bytes_per_pair(model.architecture(), forward.compute_dtype);
  const double rough_share = static_cast<double>(pairs) * static_cast<double>(rough) / static_cast<double>(free_bytes);
  if (!is_trained(model) || rough_share < kShareWithoutTrial) return pairs;
  const int64_t limit = current_memory_bytes(device) + static_cast<int64_t>(kShareUsed * static_cast<double>(free_bytes));
  const int64_t chosen = most_pairs_within(limit, pairs, std::max<int64_t>(3, kTrialBytes / rough), [&](int64_t count) { return peak_of_trial(model, forward, count); });
  for (const Parameter& parameter : model.trained_parameters()) parameter.tensor.mutable_grad().reset();
  if (chosen < pairs) {
    log_info("memory.micro_pairs_per_rank: auto: {} of a rank's {} pairs at once fit in the {:.1f} GB that are free", chosen, pairs,
             static_cast<double>(free_bytes * copies) / 1e9);
  }
  return chosen;
}

}  // namespace longclip
