// tests/src/model/last_block_test.cpp -- the vision tower, and the last block that computes one row a picture, against
// a convolution and whole blocks. (The text tower's last block is part of packed_text_test.cpp.)
#include <ATen/ops/randn.h>
#include <torch/csrc/autograd/autograd.h>

#include "plain_clip.h"
#include "support/reference_data.h"

#include "support/catch.h"

namespace longclip {
namespace {

at::Tensor random_like(at::IntArrayRef sizes, at::ScalarType dtype, uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  return at::randn(sizes, generator, dtype);
}

/// Fails where the tower and the plain one differ by more than `tolerance` (10 times that for gradients).
void check_images(Activation activation, int64_t layers, at::ScalarType dtype, double tolerance) {
  Clip model = test::small_clip(activation, layers, 7, dtype);
  const TensorMap leaves = test::leaves_of(model);
  const at::Tensor images = random_like({5, 3, 32, 32}, dtype, 1);
  const at::Tensor found = model.encode_image(images, {.compute_dtype = dtype});
  const at::Tensor wanted = test::plain_image_features(leaves, model.architecture(), images);
  const at::Tensor grad = random_like(found.sizes(), dtype, 2);
  found.mul(grad).sum().backward();
  wanted.mul(grad).sum().backward();
  const double features = test::relative_difference(found, wanted);
  const double gradients = test::worst_gradient_difference(model, leaves);
  test::report_difference("image features, " + std::string(c10::toString(dtype)), features, tolerance);
  test::report_difference("image gradients, " + std::string(c10::toString(dtype)), gradients, 10 * tolerance);
  REQUIRE(features < tolerance);
  REQUIRE(gradients < 10 * tolerance);
}

}  // namespace

TEST_CASE("Last block: image features and gradients equal those of whole blocks in double precision", "[model][unit]") {
  for (const Activation activation : {Activation::kQuickGelu, Activation::kGelu}) {
    for (const int64_t layers : {1, 3}) check_images(activation, layers, at::kDouble, 1e-12);
  }
}

TEST_CASE("Last block: image features and gradients equal those of whole blocks to float32 rounding", "[model][unit]") {
  check_images(Activation::kQuickGelu, 3, at::kFloat, 1e-5);
  check_images(Activation::kGelu, 3, at::kFloat, 1e-5);
}

TEST_CASE("Last block: the two activations give different features", "[model][unit]") {
  const at::Tensor images = random_like({2, 3, 32, 32}, at::kFloat, 1);
  const at::Tensor quick = test::small_clip(Activation::kQuickGelu, 2, 7, at::kFloat).encode_image(images, {});
  const at::Tensor exact = test::small_clip(Activation::kGelu, 2, 7, at::kFloat).encode_image(images, {});
  REQUIRE(test::relative_difference(quick, exact) > 1e-4);
}

TEST_CASE("Last block: bf16 features stay near those of float32", "[model][unit]") {
  const Clip model = test::small_clip(Activation::kQuickGelu, 3, 7, at::kFloat);
  const at::Tensor images = random_like({5, 3, 32, 32}, at::kFloat, 1);
  const at::Tensor wide = model.encode_image(images, {});
  const at::Tensor narrow = model.encode_image(images, {.compute_dtype = at::kBFloat16});
  REQUIRE(narrow.scalar_type() == at::kFloat);
  const at::Tensor cosines = wide.mul(narrow).sum(1);
  test::report_difference("1 - cosine of bf16 and float32", 1 - cosines.min().item<double>(), 1e-3);
  REQUIRE(cosines.min().item<double>() > 1 - 1e-3);
}

}  // namespace longclip
