// tests/src/kernels/activation_test.cpp -- QuickGELU and its gradient against the formula in double precision.
#include "kernels/activation.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/tensor.h>

#include <cmath>

#include "support/catch.h"

namespace longclip {
namespace {

/// Odd count, values up to +-100, so that no vector length divides it and the sigmoid reaches both ends.
at::Tensor values(at::ScalarType dtype) {
  const at::Tensor small = at::randn({70001}, at::detail::createCPUGenerator(3), at::TensorOptions().dtype(at::kDouble));
  return at::cat({small.mul(3), small.narrow(0, 0, 1000).mul(30), at::tensor({0.0, -0.0, 1e-30, -1e-30, 100.0, -100.0}, at::kDouble)}).to(dtype);
}

double largest_relative_error(const at::Tensor& value, const at::Tensor& exact) {
  // Below 1e-30 the two differ by what float32 cannot hold.
  return value.to(at::kDouble).sub(exact).abs().div(exact.abs().clamp_min(1e-30)).max().item<double>();
}

struct Outcome {
  at::Tensor y, grad;
};

/// The value of the backward pass has to be the forward pass's.
Outcome computed(const at::Tensor& x, const at::Tensor& grad_y) {
  const at::Tensor y = quick_gelu(x);
  const QuickGeluGradient gradient = quick_gelu_backward(grad_y, x);
  REQUIRE(gradient.y.equal(y));
  return {y, gradient.grad_x};
}

Outcome formula(const at::Tensor& x, const at::Tensor& grad_y) {
  const at::Tensor wide = x.to(at::kDouble), s = at::sigmoid(wide.mul(1.702));
  return {wide.mul(s), grad_y.to(at::kDouble).mul(s.add(wide.mul(1.702).mul(s).mul(s.neg().add(1))))};
}

}  // namespace

TEST_CASE("QuickGelu: value and gradient are the formula's to the rounding of the type", "[unit]") {
  const auto [dtype, tolerance] = GENERATE(std::pair{at::kFloat, 1e-5}, std::pair{at::kBFloat16, 0.0040}, std::pair{at::kDouble, 1e-12});
  const at::Tensor x = values(dtype);
  const at::Tensor grad_y = at::randn(x.sizes(), at::detail::createCPUGenerator(4), at::TensorOptions().dtype(at::kDouble)).to(dtype);
  const Outcome mine = computed(x, grad_y), exact = formula(x, grad_y);
  // float32: the rounding of 1.702 x, up to 150, is an error of the exponent.
  CHECK(largest_relative_error(mine.y, exact.y) < tolerance);
  // The gradient passes through zero near x = -0.75, so its error is measured against the incoming gradient.
  const at::Tensor error = mine.grad.to(at::kDouble).sub(exact.grad).abs().div(grad_y.to(at::kDouble).abs().clamp_min(1e-3));
  CHECK(error.max().item<double>() < 2 * tolerance);
}

TEST_CASE("QuickGelu: CUDA gives the formula's values, also where the storage begins at an odd place", "[kernels][.gpu]") {
  const auto [dtype, tolerance] =
      GENERATE(std::pair{at::kFloat, 1e-5}, std::pair{at::kBFloat16, 0.0040}, std::pair{at::kHalf, 0.0005}, std::pair{at::kDouble, 1e-12});
  const int64_t skipped = GENERATE(0, 1);
  const at::Tensor x = values(at::kDouble).clamp(-20, 20).to(dtype).slice(0, skipped);  // fp16 has no 1e-30
  const at::Tensor grad_y = at::randn(x.sizes(), at::detail::createCPUGenerator(4), at::TensorOptions().dtype(at::kDouble)).to(dtype);
  const Outcome mine = computed(values(at::kDouble).clamp(-20, 20).to(dtype).cuda().slice(0, skipped), grad_y.cuda()), exact = formula(x, grad_y);
  const auto worst = [&](const at::Tensor& value, const at::Tensor& wanted) {
    return value.cpu().to(at::kDouble).sub(wanted).abs().div(wanted.abs().clamp_min(1e-3)).max().item<double>();
  };
  CHECK(worst(mine.y, exact.y) < tolerance);
  CHECK(mine.grad.cpu().to(at::kDouble).sub(exact.grad).abs().div(grad_y.to(at::kDouble).abs().clamp_min(1e-3)).max().item<double>() < 2 * tolerance);
}

TEST_CASE("QuickGelu: NaN stays NaN, and a tensor that is not contiguous gives the same values", "[unit]") {
  const at::ScalarType dtype = GENERATE(at::kFloat, at::kBFloat16);
  CHECK(std::isnan(quick_gelu(at::tensor({NAN}, at::kDouble).to(dtype)).item<float>()));
  const at::Tensor x = values(dtype).narrow(0, 0, 600).view({20, 30});
  CHECK(quick_gelu(x.t()).equal(quick_gelu(x).t()));
  CHECK(quick_gelu_backward(x.t(), x.t()).grad_x.equal(quick_gelu_backward(x, x).grad_x.t()));
}

}  // namespace longclip
