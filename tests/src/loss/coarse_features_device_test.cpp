// tests/src/loss/coarse_features_device_test.cpp -- coarse features and their gradient on a device, from float32 rows,
// against the CPU from float64 rows.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/linalg_svd.h>
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

at::Tensor unit_rows(const Sizes& sizes) {
  const at::Tensor raw = random(sizes, 1);
  return raw.div(at::linalg_vector_norm(raw, 2, {1}, true));
}

/// Rows whose squared singular values number k and k + 1 differ by `gap` of the largest one.
at::Tensor rows_with_gap(const Sizes& sizes, double gap) {
  const at::Tensor raw = random(sizes, 1).to(at::kDouble);
  const auto [u, s, vh] = at::linalg_svd(raw.sub(raw.mean(0, true)), /*full_matrices=*/false);
  at::Tensor changed = s.clone();
  changed[sizes.components].copy_(s[sizes.components - 1].square().sub(s[0].square().mul(gap)).sqrt());
  return u.mul(changed).matmul(vh).to(at::kFloat);
}

Result run(const at::Tensor& rows, const Sizes& sizes, at::Device device, at::ScalarType dtype) {
  const at::Tensor x = rows.to(device, dtype).clone().requires_grad_(true);
  const at::Tensor coarse = coarse_features(x, {.count = sizes.components}).coarse_nE;
  coarse.mul(random(sizes, 2).to(device, dtype)).sum().backward();
  return {coarse.detach().cpu().to(at::kDouble), x.grad().cpu().to(at::kDouble)};
}

void compare(at::Device device) {
  for (const Sizes& sizes : {Sizes{48, 64, 32}, Sizes{128, 96, 32}, Sizes{160, 512, 32}, Sizes{400, 256, 32}}) {
    const at::Tensor rows = unit_rows(sizes);
    const Result got = run(rows, sizes, device, at::kFloat), wanted = run(rows, sizes, at::kCPU, at::kDouble);
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

TEST_CASE("coarse_features: a narrow gap behind the kept components costs float32 rows no more than their own rounding", "[loss][unit]") {
  for (const Sizes& sizes : {Sizes{160, 256, 32}, Sizes{300, 160, 32}}) {
    for (const double gap : {1e-6, 1e-5, 3e-5, 1e-3}) {  // the first is too narrow for Newton's steps
      const at::Tensor rows = rows_with_gap(sizes, gap);
      const Result got = run(rows, sizes, at::kCPU, at::kFloat), wanted = run(rows, sizes, at::kCPU, at::kDouble);
      REQUIRE(got.coarse.sub(wanted.coarse).abs().max().item<double>() <= 1e-6);
      REQUIRE(got.grad.sub(wanted.grad).abs().max().item<double>() <= 1e-6 * wanted.grad.abs().max().item<double>());
    }
  }
}

TEST_CASE("coarse_features: CUDA gives the CPU's values and gradient", "[loss][.gpu]") { compare(at::kCUDA); }

}  // namespace longclip
