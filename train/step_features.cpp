// train/step_features.cpp -- see train/step_features.h
#include "train/step_features.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>

#include "model/vision_tower.h"

namespace longclip {
namespace {

using Field = at::Tensor Features::*;
constexpr Field kEncoded[] = {&Features::image, &Features::long_text, &Features::short_text};

Features concatenate(const std::vector<Features>& parts) {
  Features whole;
  for (const Field field : kEncoded) {
    std::vector<at::Tensor> rows;
    for (const Features& part : parts) {
      if ((part.*field).defined()) rows.push_back(part.*field);
    }
    if (!rows.empty()) whole.*field = at::cat(rows);
  }
  return whole;
}

}  // namespace

StepFeatures::StepFeatures(Clip& model, const PairBatch& batch, const StepOptions& options) : model_(model), batch_(batch), options_(options) {
  const auto pairs = static_cast<int64_t>(batch.rows.size());
  const int64_t step = std::min(options.micro_pairs.value_or(pairs), pairs);
  for (int64_t first = 0; first < pairs; first += step) parts_.push_back({first, std::min(step, pairs - first)});
  for (const auto* texts : {&batch.long_ids, &batch.short_ids}) {
    for (const auto& ids : *texts) num_tokens_ += static_cast<int64_t>(ids.size());
  }
  if (parts_.size() == 1) {
    features_ = encode(parts_[0]);
    return;
  }
  const at::NoGradGuard no_grad;
  std::vector<Features> encoded;
  for (const Part& part : parts_) encoded.push_back(encode(part));
  features_ = concatenate(encoded);
  if (options_.side) options_.side->mark();
  for (const Field field : kEncoded) {
    if ((features_.*field).defined()) (features_.*field).requires_grad_(true);
  }
}

Features StepFeatures::encode(const Part& part) const {
  const auto slice = [&](const std::vector<std::vector<int32_t>>& ids, std::vector<std::vector<int32_t>>& into) {
    const bool given = !ids.empty() && !ids[0].empty();
    if (given) into.insert(into.end(), ids.begin() + part.first, ids.begin() + part.first + part.count);
    return given;
  };
  std::vector<std::vector<int32_t>> texts;
  const bool has_long = slice(batch_.long_ids, texts), has_short = slice(batch_.short_ids, texts);
  const Architecture& architecture = model_.architecture();
  const at::Device device = model_.device();

  Features features;
  const at::Tensor pixels_BSS3 = batch_.pixels_BSS3.narrow(0, part.first, part.count).to(device, /*non_blocking=*/true);
  const at::Tensor image_B3SS = normalize_pixels(pixels_BSS3);
  features.image = options_.captured ? options_.captured->encode_image(image_B3SS) : model_.encode_image(image_B3SS, options_.forward);
  if (options_.side && parts_.size() == 1) options_.side->mark();
  const at::Tensor texts_NE = options_.captured ? options_.captured->encode_text(texts)
                                                : model_.encode_text(pack_texts(texts, architecture.eos_id, architecture.context_length, device), options_.forward);
  if (has_long) features.long_text = texts_NE.narrow(0, 0, part.count);
  if (has_short) features.short_text = texts_NE.narrow(0, has_long ? part.count : 0, part.count);
  return features;
}

void StepFeatures::backward(const at::Tensor& loss, GradReducer& reducer) {
  if (parts_.size() == 1) {
    reducer.backward(loss);
    return;
  }
  loss.backward();  // reaches the features, which are leaves here, and the logit scale
  for (size_t i = 0; i < parts_.size(); ++i) {
    const Part& part = parts_[i];
    const Features again = encode(part);
    // Its gradient is complete already; times 0 it takes part in the last pass, where the reducer waits for every parameter.
    at::Tensor objective = model_.logit_scale().mul(0);
    for (const Field field : kEncoded) {
      if (!(again.*field).defined()) continue;
      const at::Tensor grad = (features_.*field).grad().narrow(0, part.first, part.count);
      objective = objective.add((again.*field).mul(grad).sum());
    }
    i + 1 == parts_.size() ? reducer.backward(objective) : objective.backward();
  }
}

}  // namespace longclip
