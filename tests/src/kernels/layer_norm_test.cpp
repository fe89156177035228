// tests/src/kernels/layer_norm_test.cpp -- the LayerNorm of a sum, and its gradients, against plain operations in float64.
#include "kernels/layer_norm.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/randn.h>
#include <torch/csrc/autograd/autograd.h>

#include <array>

#include "support/reference_data.h"

#include "support/catch.h"

namespace longclip {
namespace {

at::Tensor random(at::IntArrayRef shape, uint64_t seed) {
  return at::randn(shape, at::detail::createCPUGenerator(seed), at::TensorOptions().dtype(at::kDouble));
}

/// sum, normed, and the gradients of x, delta (or of x again), weight and bias, in float64 on the CPU.
using Numbers = std::array<at::Tensor, 6>;

struct Case {
  int64_t rows = 0, width = 0;
  bool with_delta = true, sum_is_used = true;
  at::Device device = at::kCPU;
  at::ScalarType rows_dtype = at::kDouble, weights_dtype = at::kDouble;
};

/// function(x, delta or undefined, weight, bias) -> AddedNorm, with what both results send back.
template <class Function> Numbers numbers_of(const Case& c, const Case& rounded_as, Function&& function) {
  const auto leaf = [&](const at::Tensor& value, at::ScalarType rounded, at::ScalarType dtype) {
    return value.to(rounded).to(c.device, dtype).requires_grad_(true);
  };
  const at::Tensor x = leaf(random({c.rows, c.width}, 1).add(0.5), rounded_as.rows_dtype, c.rows_dtype);
  const at::Tensor delta = c.with_delta ? leaf(random({c.rows, c.width}, 2), rounded_as.rows_dtype, c.rows_dtype) : at::Tensor();
  const at::Tensor weight = leaf(random({c.width}, 3), rounded_as.weights_dtype, c.weights_dtype), bias = leaf(random({c.width}, 4), rounded_as.weights_dtype, c.weights_dtype);
  const AddedNorm made = function(x, delta, weight, bias);
  const auto grad = [&](uint64_t seed) { return random({c.rows, c.width}, seed).to(rounded_as.rows_dtype).to(c.device, c.rows_dtype); };
  if (c.sum_is_used) torch::autograd::backward({made.sum_TW, made.normed_TW}, {grad(5), grad(6)});
  else torch::autograd::backward({made.normed_TW}, {grad(6)});
  const auto wide = [](const at::Tensor& tensor) { return tensor.detach().cpu().to(at::kDouble); };
  return {wide(made.sum_TW), wide(made.normed_TW), wide(x.grad()), wide(c.with_delta ? delta.grad() : x.grad()), wide(weight.grad()), wide(bias.grad())};
}

void compare(const Case& c, double tolerance) {
  Case exact = c;
  exact.device = at::kCPU;
  exact.rows_dtype = exact.weights_dtype = at::kDouble;
  const Numbers wanted = numbers_of(exact, c, [](const at::Tensor& x, const at::Tensor& delta, const at::Tensor& weight, const at::Tensor& bias) {
    const at::Tensor sum = delta.defined() ? x.add(delta) : x.mul(1);
    return AddedNorm{sum, at::layer_norm(sum, {sum.size(1)}, weight, bias, 1e-5)};
  });
  const Numbers got = numbers_of(c, c, add_layer_norm);
  CAPTURE(c.rows, c.width, c.with_delta, c.sum_is_used, toString(c.rows_dtype));
  double worst = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const double error = got[i].sub(wanted[i]).abs().max().item<double>() / wanted[i].abs().max().item<double>();
    CAPTURE(i);
    CHECK(error <= tolerance);
    worst = std::max(worst, error);
  }
  test::report_difference("add_layer_norm and gradients, relative to the largest entry", worst, tolerance);
}

}  // namespace

TEST_CASE("add_layer_norm: sum, LayerNorm and all gradients are those of the separate operations", "[kernels][unit]") {
  const bool with_delta = GENERATE(true, false), sum_is_used = GENERATE(true, false);
  compare({37, 48, with_delta, sum_is_used}, 1e-12);
  compare({37, 48, with_delta, sum_is_used, at::kCPU, at::kFloat, at::kFloat}, 2e-6);
  compare({37, 48, with_delta, sum_is_used, at::kCPU, at::kBFloat16, at::kFloat}, 0.02);
  compare({37, 48, with_delta, sum_is_used, at::kCPU, at::kHalf, at::kFloat}, 0.003);
}

TEST_CASE("add_layer_norm: CUDA gives the same for widths with and without a kernel of their own", "[kernels][.gpu]") {
  const bool with_delta = GENERATE(true, false), sum_is_used = GENERATE(true, false);
  for (const int64_t width : {8, 64, 200, 512, 768, 1024, 1280, 2048, 100}) {
    for (const int64_t rows : {1, 77, 5000}) {
      compare({rows, width, with_delta, sum_is_used, at::kCUDA, at::kFloat, at::kFloat}, 5e-6);
      compare({rows, width, with_delta, sum_is_used, at::kCUDA, at::kBFloat16, at::kFloat}, 0.02);
      compare({rows, width, with_delta, sum_is_used, at::kCUDA, at::kHalf, at::kFloat}, 0.003);
    }
  }
  compare({77, 768, with_delta, sum_is_used, at::kCUDA, at::kDouble, at::kDouble}, 1e-12);
}

}  // namespace longclip
