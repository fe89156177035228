// tests/src/loss/coarse_features_device_test.cpp -- coarse features and their gradient on a device, from float32 rows,
// against the CPU from float64 rows.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/randn.h>
#include <torch/csrc/autograd/autograd.h>

#include "loss/coarse_features.h"
#include "support/reference_data.h"

#include "support/catch.h"

namespace longclip {
namespace {

struct Sizes {
  int64_t rows, width, components;
};

at::Tensor random(const Sizes& sizes, uint64_t seed) {
  return at::randn({sizes.rows, sizes.width}, at::detail::createCPUGenerator(seed),
                   at::TensorOptions().dtype(at::kFloat));
}

struct Result {
  at::Tensor coarse, grad;
};

Result run(const Sizes& sizes, at::Device device, at::ScalarType dtype) {
  const at::Tensor raw = random(sizes, 1);
  const at::Tensor unit = raw.div(at::linalg_vector_norm(raw, 2, {1}, true));
  const at::Tensor x = unit.to(device, dtype).clone().requires_grad_(true);
  const at::Tensor coarse = coarse_features(x, {.count = sizes.components}).coarse_nE;
  coarse.mul(random(sizes, 2).to(device, dtype)).sum().backward();
  return {coarse.detach().cpu().to(at::kDouble), x.grad().cpu().to(at::kDouble)};
}

void compare(at::Device device) {
  for (const Sizes& sizes : {Sizes{48, 64, 32}, Sizes{128, 96, 32}}) {
    const Result got = run(sizes, device, at::kFloat), wanted = run(sizes, at::kCPU, at::kDouble);
    const double value = got.coarse.sub(wanted.coarse).abs().max().item<double>();
    const double grad = got.grad.sub(wanted.grad).abs().max().item<double>() / wanted.grad.abs().max().item<double>();
    test::report_difference("coarse features on " + device.str(), value, 1e-6);
    test::report_difference("their gradient, relative to the largest entry", grad, 1e-6);
    REQUIRE(value <= 1e-6);
    REQUIRE(grad <= 1e-6);
  }
}

}  // namespace

TEST_CASE("coarse_features: float32 rows lose nothing against float64 rows", "[loss][unit]") { compare(at::kCPU); }

TEST_CASE("coarse_features: CUDA gives the CPU's values and gradient", "[loss][.gpu]") { compare(at::kCUDA); }

}  // namespace longclip
