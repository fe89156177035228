// tests/src/model/captured_towers_gpu_test.cpp -- recorded and replayed towers against the same towers run kernel by kernel.
#ifdef LONGCLIP_WITH_CUDA

#include "model/captured_towers.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/randn.h>
#include <torch/csrc/autograd/autograd.h>

#include "base/random.h"
#include "support/reference_data.h"

#include "support/catch.h"

namespace longclip {
namespace {

Architecture small_architecture() {
  Architecture small = preset_architecture("tiny");
  small.vision.layers = small.text.layers = 3;
  small.context_length = 248;
  small.stretch = Stretch{};
  return small;
}

Clip model_on_gpu() {
  Clip model(small_architecture(), random_clip_weights(small_architecture(), 1));
  model.to(at::kCUDA, at::kFloat);
  return model;
}

at::Tensor random(at::IntArrayRef shape, uint64_t seed) {
  return at::randn(shape, at::detail::createCPUGenerator(seed), at::TensorOptions().dtype(at::kFloat)).to(at::kCUDA);
}

std::vector<std::vector<int32_t>> random_texts(int64_t count, uint64_t longest, uint64_t seed) {
  std::vector<std::vector<int32_t>> texts;
  for (uint64_t i = 0; i < static_cast<uint64_t>(count); ++i) {
    std::vector<int32_t> ids;
    for (uint64_t length = draw_below(mix_keys(seed, i), longest); ids.size() < length;) ids.push_back(static_cast<int32_t>(draw_below(mix_keys(seed, i, ids.size()), 49000)));
    ids.push_back(static_cast<int32_t>(small_architecture().eos_id));
    texts.push_back(std::move(ids));
  }
  return texts;
}

struct Batch {
  at::Tensor image_B3SS;
  std::vector<std::vector<int32_t>> texts;
};

Batch random_batch(int64_t pairs, uint64_t longest, uint64_t seed) {
  const int64_t size = small_architecture().image_size;
  return {random({pairs, 3, size, size}, seed), random_texts(2 * pairs, longest, seed)};
}

constexpr ForwardOptions kOptions{.compute_dtype = at::kBFloat16};

/// Features and, added to the parameters' gradients, those of a random function of them.
TensorMap run(Clip& model, const Batch& batch, CapturedTowers* captured) {
  const Architecture architecture = small_architecture();
  TensorMap made;
  const at::Tensor image = captured ? captured->encode_image(batch.image_B3SS) : model.encode_image(batch.image_B3SS, kOptions);
  const at::Tensor text = captured ? captured->encode_text(batch.texts)
                                   : model.encode_text(pack_texts(batch.texts, architecture.eos_id, architecture.context_length, at::kCUDA), kOptions);
  image.mul(random(image.sizes(), 8)).sum().add(text.mul(random(text.sizes(), 9)).sum()).backward();
  made["image"] = image.detach();
  made["text"] = text.detach();
  return made;
}

void forget_gradients(Clip& model) {
  for (const Parameter& parameter : model.trained_parameters()) parameter.tensor.mutable_grad().reset();
}

TensorMap gradients(Clip& model) {
  TensorMap grads;
  for (const Parameter& parameter : model.trained_parameters()) {
    if (parameter.tensor.grad().defined()) grads[parameter.name] = parameter.tensor.grad().clone();
  }
  return grads;
}

double worst_difference(const TensorMap& got, const TensorMap& wanted) {
  REQUIRE(got.size() == wanted.size());
  double worst = 0;
  for (const auto& [name, tensor] : wanted) {
    const double scale = tensor.abs().max().item<double>();
    if (!name.ends_with("in_proj_bias")) worst = std::max(worst, got.at(name).sub(tensor).abs().max().item<double>() / scale);  // a key's bias has no gradient but noise
  }
  return worst;
}

}  // namespace

TEST_CASE("CapturedTowers: features and gradients over steps with other weights and lengths are those of the model", "[model][.gpu]") {
  Clip plain = model_on_gpu(), recorded = model_on_gpu();
  CapturedTowers captured(recorded, kOptions);
  double features = 0, grads = 0;
  for (uint64_t step = 0; step < 6; ++step) {  // lengths go up and down: recorded calls are used again
    const Batch batch = random_batch(step == 3 ? 5 : 12, step % 2 == 0 ? 240 : 60, step);
    for (Clip* model : {&plain, &recorded}) forget_gradients(*model);
    features = std::max(features, worst_difference(run(recorded, batch, &captured), run(plain, batch, nullptr)));
    grads = std::max(grads, worst_difference(gradients(recorded), gradients(plain)));
    const at::NoGradGuard no_grad;
    for (Clip* model : {&plain, &recorded}) {
      for (const Parameter& parameter : model->trained_parameters()) parameter.tensor.mul_(1.01);
    }
  }
  test::report_difference("recorded towers: features", features, 0.01);
  test::report_difference("recorded towers: gradients, relative to the largest entry", grads, 0.02);
  REQUIRE(features <= 0.01);
  REQUIRE(grads <= 0.02);
  REQUIRE(captured.held_bytes() > 0);
}

TEST_CASE("CapturedTowers: gradients of two backward passes add up", "[model][.gpu]") {
  Clip plain = model_on_gpu(), recorded = model_on_gpu();
  CapturedTowers captured(recorded, kOptions);
  for (const uint64_t seed : {1, 2, 3}) {
    run(plain, random_batch(6, 100, seed), nullptr);
    run(recorded, random_batch(6, 100, seed), &captured);
  }
  const double grads = worst_difference(gradients(recorded), gradients(plain));
  test::report_difference("recorded towers: sum of three gradients, relative to the largest entry", grads, 0.02);
  REQUIRE(grads <= 0.02);
}

TEST_CASE("CapturedTowers: a frozen tower gets no gradient, and a backward pass that comes too late is refused", "[model][.gpu]") {
  Clip model = model_on_gpu();
  model.freeze_text();
  CapturedTowers captured(model, kOptions);
  const Batch batch = random_batch(4, 50, 1);
  REQUIRE_FALSE(captured.encode_text(batch.texts).requires_grad());
  const at::Tensor late = captured.encode_image(batch.image_B3SS);
  captured.encode_image(batch.image_B3SS).sum().backward();
  REQUIRE_THROWS(late.sum().backward());
  const at::NoGradGuard no_grad;
  REQUIRE_FALSE(captured.encode_image(batch.image_B3SS).requires_grad());
}

}  // namespace longclip

#endif
