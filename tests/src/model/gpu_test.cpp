// tests/src/model/gpu_test.cpp -- both towers and one whole training step, on a device and in a precision, against the
// CPU in float64. The same comparison runs for the CPU in float32 and bf16, so that it is itself tried without a GPU.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/randint.h>
#include <torch/csrc/autograd/autograd.h>

#include "base/random.h"
#include "loss/coarse_features.h"
#include "loss/long_clip_loss.h"
#include "model/clip.h"
#include "optim/adamw.h"
#include "support/reference_data.h"

#include "support/catch.h"

namespace longclip {
namespace {

constexpr int64_t kPairs = 12, kComponents = 6;
constexpr double kLearningRate = 1e-3;

/// The preset `tiny`, stretched to 248 positions, with fewer layers and words.
Architecture small_architecture() {
  Architecture architecture = preset_architecture("tiny");
  architecture.vision.layers = architecture.text.layers = 2;
  architecture.context_length = 248;
  architecture.stretch = Stretch{};
  architecture.vocabulary_size = 1000;
  architecture.eos_id = 999;
  return architecture;
}

/// Texts of 2 to 60 tokens, among them one of 2 and one of `longest`.
std::vector<std::vector<int32_t>> random_texts(int64_t longest, uint64_t seed) {
  std::vector<std::vector<int32_t>> texts;
  for (uint64_t i = 0; i < static_cast<uint64_t>(kPairs); ++i) {
    const auto length = i == 0 ? 2 : i == 1 ? static_cast<uint64_t>(longest) : 2 + draw_below(mix_keys(seed, i), 59);
    std::vector<int32_t> ids{998};
    while (ids.size() + 1 < length) ids.push_back(static_cast<int32_t>(draw_below(mix_keys(seed, i, ids.size()), 998)));
    ids.push_back(999);
    texts.push_back(ids);
  }
  return texts;
}

/// Pictures of 16 coloured squares: noise alone would make all image features nearly equal.
at::Tensor random_pixels(int64_t side) {
  const at::Tensor colours =
      at::randint(256, {kPairs, 4, 4, 3}, at::detail::createCPUGenerator(3), at::TensorOptions().dtype(at::kByte));
  return colours.repeat_interleave(side / 4, 1).repeat_interleave(side / 4, 2);
}

/// Where and how the step is computed.
struct Arithmetic {
  at::Device device = at::kCPU;
  at::ScalarType weights = at::kFloat, compute = at::kFloat;
};

/// Everything a step makes, as float64 on the CPU.
struct Outcome {
  TensorMap features, losses, grads, weights;
};

at::Tensor wide(const at::Tensor& x) { return x.detach().cpu().to(at::kDouble, /*non_blocking=*/false, /*copy=*/true); }

Outcome one_step(const Arithmetic& arithmetic) {
  const Architecture architecture = small_architecture();
  Clip model(architecture, random_clip_weights(architecture, 1));
  model.to(arithmetic.device, arithmetic.weights);
  const std::vector<Parameter> parameters = model.trained_parameters();
  std::vector<std::string> names;
  std::vector<at::Tensor> tensors;
  for (const Parameter& parameter : parameters) {
    names.push_back(parameter.name);
    tensors.push_back(parameter.tensor);
  }
  AdamW optimizer(names, tensors, OptimConfig{});

  const ForwardOptions options{.compute_dtype = arithmetic.compute};
  const auto texts = [&](int64_t longest, uint64_t seed) {
    return pack_texts(random_texts(longest, seed), architecture.eos_id, architecture.context_length, arithmetic.device);
  };
  Features f;
  f.image = model.encode_image(normalize_pixels(random_pixels(architecture.image_size).to(arithmetic.device)), options);
  f.long_text = model.encode_text(texts(248, 1), options);
  f.short_text = model.encode_text(texts(77, 2), options);
  f.coarse_image = coarse_features(f.image, {.count = kComponents}).coarse_nE;
  const LossTerms loss = long_clip_loss(f, f, model.logit_scale(), 0, LossConfig{});
  loss.total.backward();

  Outcome outcome;
  for (const Parameter& parameter : parameters) outcome.grads[parameter.name] = wide(parameter.tensor.grad());
  optimizer.step(kLearningRate);
  for (const Parameter& parameter : parameters) outcome.weights[parameter.name] = wide(parameter.tensor);
  outcome.features = {{"image", wide(f.image)},
                      {"long", wide(f.long_text)},
                      {"short", wide(f.short_text)},
                      {"coarse", wide(f.coarse_image)}};
  outcome.losses = {{"long", wide(loss.long_term)}, {"short", wide(loss.short_term)}};
  return outcome;
}

/// features, losses: largest difference. gradients: largest difference of a tensor relative to its largest entry.
/// update: l2 distance of the new weights relative to the length of the update, over all parameters together.
struct Distance {
  double features = 0, losses = 0, gradients = 0, update = 0;
};

double largest(const at::Tensor& x) { return x.abs().max().item<double>(); }

double largest_difference(const TensorMap& got, const TensorMap& wanted) {
  double worst = 0;
  for (const auto& [name, tensor] : wanted) worst = std::max(worst, largest(got.at(name).sub(tensor)));
  return worst;
}

Distance distance(const Outcome& got, const Outcome& wanted) {
  Distance d;
  d.features = largest_difference(got.features, wanted.features);
  d.losses = largest_difference(got.losses, wanted.losses);
  double error = 0, update = 0;
  const TensorMap start = random_clip_weights(small_architecture(), 1);
  for (const auto& [name, goal] : wanted.weights) {
    d.gradients =
        std::max(d.gradients, largest(got.grads.at(name).sub(wanted.grads.at(name))) / largest(wanted.grads.at(name)));
    // The gradient of a key bias is 0 in exact arithmetic, and Adam makes a full step of its noise.
    if (name.ends_with("attn.in_proj_bias")) continue;
    const at::Tensor whole = start.at(name).to(at::kDouble);
    const at::Tensor before = name == "positional_embedding" ? whole.narrow(0, 20, goal.size(0)) : whole;
    error += got.weights.at(name).sub(goal).square().sum().item<double>();
    update += goal.sub(before).square().sum().item<double>();
  }
  d.update = std::sqrt(error / update);
  return d;
}

void compare(const std::string& name, const Arithmetic& arithmetic, const Distance& allowed) {
  static const Outcome wanted = one_step({at::kCPU, at::kDouble, at::kDouble});
  const Outcome got = one_step(arithmetic);
  const Distance d = distance(got, wanted);
  test::report_difference(name + ": features", d.features, allowed.features);
  test::report_difference(name + ": losses", d.losses, allowed.losses);
  test::report_difference(name + ": gradients, relative to the largest entry", d.gradients, allowed.gradients);
  test::report_difference(name + ": weights, relative to the update", d.update, allowed.update);
  REQUIRE(d.features <= allowed.features);
  REQUIRE(d.losses <= allowed.losses);
  REQUIRE(d.gradients <= allowed.gradients);
  REQUIRE(d.update <= allowed.update);
}

// Measured on a CPU: fp32 2e-7, 4e-7, 6e-6, 8e-5; bf16 0.004, 0.001, 0.07, 0.18 (the eigenvectors of the coarse features
// amplify bf16's error; Adam's first step turns the sign of a small gradient into a full step).
constexpr Distance kFp32{2e-6, 5e-6, 5e-5, 2e-3};
constexpr Distance kBf16{0.02, 0.01, 0.3, 0.5};

}  // namespace

TEST_CASE("One step on the CPU: fp32 and bf16 give float64's features, losses, gradients and weights",
          "[model][unit]") {
  compare("CPU fp32", {at::kCPU, at::kFloat, at::kFloat}, kFp32);
  compare("CPU bf16", {at::kCPU, at::kFloat, at::kBFloat16}, kBf16);
}

TEST_CASE("One step on CUDA: fp32 and bf16 give the CPU's features, losses, gradients and weights", "[model][.gpu]") {
  compare("CUDA fp32", {at::kCUDA, at::kFloat, at::kFloat}, kFp32);
  compare("CUDA bf16", {at::kCUDA, at::kFloat, at::kBFloat16}, kBf16);
}

}  // namespace longclip
