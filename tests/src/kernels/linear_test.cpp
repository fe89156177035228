// tests/src/kernels/linear_test.cpp -- linear() and its gradients against float64, and in which dtype they come.
#include "kernels/linear.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/sigmoid.h>
#include <torch/csrc/autograd/autograd.h>

#include "support/reference_data.h"

#include "support/catch.h"

namespace longclip {
namespace {

at::Tensor random(at::IntArrayRef shape, uint64_t seed) {
  return at::randn(shape, at::detail::createCPUGenerator(seed), at::TensorOptions().dtype(at::kDouble));
}

double difference(const at::Tensor& got, const at::Tensor& wanted) {
  return got.detach().cpu().to(at::kDouble).sub(wanted).abs().max().item<double>() / wanted.abs().max().item<double>();
}

void compare(at::Device device, at::ScalarType dtype, int64_t rows, int64_t outputs, double tolerance) {
  const auto weights_dtype = dtype == at::kDouble ? at::kDouble : at::kFloat;
  const at::Tensor x = random({rows, 40}, 1).to(dtype), weight = random({outputs, 40}, 2).to(dtype), bias = random({outputs}, 3).to(dtype),
                   grad = random({rows, outputs}, 4).to(dtype);
  const at::Tensor x_leaf = x.to(device).requires_grad_(true), weight_leaf = weight.to(device, weights_dtype).requires_grad_(true),
                   bias_leaf = bias.to(device, weights_dtype).requires_grad_(true);
  const at::Tensor y = linear(x_leaf, weight_leaf, bias_leaf);
  torch::autograd::backward({y}, {grad.to(device)});
  CAPTURE(toString(dtype), rows, outputs);
  CHECK(y.scalar_type() == dtype);
  CHECK(weight_leaf.grad().scalar_type() == weights_dtype);
  CHECK(bias_leaf.grad().scalar_type() == weights_dtype);
  const auto wide = [](const at::Tensor& tensor) { return tensor.to(at::kDouble); };
  const double worst = std::max({difference(y, wide(x).matmul(wide(weight).t()).add(wide(bias))), difference(x_leaf.grad(), wide(grad).matmul(wide(weight))),
                                 difference(weight_leaf.grad(), wide(grad).t().matmul(wide(x))), difference(bias_leaf.grad(), wide(grad).sum(0))});
  test::report_difference("linear and gradients, relative to the largest entry", worst, tolerance);
  CHECK(worst <= tolerance);
}

void compare_quick_gelu_linear(at::Device device, at::ScalarType dtype, double tolerance) {
  const auto weights_dtype = dtype == at::kDouble ? at::kDouble : at::kFloat;
  const at::Tensor hidden = random({31, 40}, 1).to(dtype), weight = random({24, 40}, 2).to(dtype), bias = random({24}, 3).to(dtype), grad = random({31, 24}, 4).to(dtype);
  struct Outcome { at::Tensor y, hidden, weight, bias; };
  const auto run = [&](at::Device where, at::ScalarType of_rows, at::ScalarType of_weights, const auto& layer) {
    const auto leaf = [&](const at::Tensor& values, at::ScalarType type) { return values.detach().to(where, type).clone().requires_grad_(true); };
    const at::Tensor h = leaf(hidden, of_rows), w = leaf(weight, of_weights), b = leaf(bias, of_weights);
    const at::Tensor y = layer(h, w, b);
    torch::autograd::backward({y}, {grad.to(where, of_rows)});
    return Outcome{y, h.grad(), w.grad(), b.grad()};
  };
  const Outcome got = run(device, dtype, weights_dtype, quick_gelu_linear);
  const Outcome wanted = run(at::kCPU, at::kDouble, at::kDouble, [](const at::Tensor& h, const at::Tensor& w, const at::Tensor& b) {
    return h.mul(at::sigmoid(h.mul(1.702))).matmul(w.t()).add(b);
  });
  CAPTURE(toString(dtype));
  CHECK(got.weight.scalar_type() == weights_dtype);
  const double worst = std::max({difference(got.y, wanted.y.detach()), difference(got.hidden, wanted.hidden), difference(got.weight, wanted.weight), difference(got.bias, wanted.bias)});
  test::report_difference("quick_gelu_linear and gradients, relative to the largest entry", worst, tolerance);
  CHECK(worst <= tolerance);
}

}  // namespace

TEST_CASE("quick_gelu_linear: result and gradients are the formula's", "[kernels][unit]") {
  compare_quick_gelu_linear(at::kCPU, at::kDouble, 1e-12);
  compare_quick_gelu_linear(at::kCPU, at::kFloat, 2e-6);
  compare_quick_gelu_linear(at::kCPU, at::kBFloat16, 0.01);
}

TEST_CASE("quick_gelu_linear: CUDA gives the formula's result and gradients", "[kernels][.gpu]") {
  compare_quick_gelu_linear(at::kCUDA, at::kDouble, 1e-12);
  compare_quick_gelu_linear(at::kCUDA, at::kFloat, 1e-5);
  compare_quick_gelu_linear(at::kCUDA, at::kBFloat16, 0.01);
  compare_quick_gelu_linear(at::kCUDA, at::kHalf, 0.002);
}

TEST_CASE("linear: result and gradients are the formula's, the gradients of the weights in the weights' dtype", "[kernels][unit]") {
  compare(at::kCPU, at::kDouble, 30, 24, 1e-12);
  compare(at::kCPU, at::kFloat, 30, 24, 2e-6);
  compare(at::kCPU, at::kBFloat16, 30, 24, 0.01);
}

TEST_CASE("linear: what needs no gradient gets none", "[kernels][unit]") {
  const at::Tensor x = random({3, 4}, 1).to(at::kFloat), weight = random({5, 4}, 2).to(at::kFloat).requires_grad_(true), bias = random({5}, 3).to(at::kFloat);
  linear(x, weight, bias).sum().backward();
  REQUIRE(weight.grad().defined());
  REQUIRE_FALSE(x.grad().defined());
  REQUIRE_FALSE(bias.grad().defined());
}

TEST_CASE("linear: CUDA gives the same for any number of rows and outputs", "[kernels][.gpu]") {
  for (const int64_t rows : {1, 31, 4000}) {
    for (const int64_t outputs : {8, 40, 768, 3072, 21}) {
      compare(at::kCUDA, at::kFloat, rows, outputs, 1e-5);
      compare(at::kCUDA, at::kBFloat16, rows, outputs, 0.01);
      compare(at::kCUDA, at::kHalf, rows, outputs, 0.002);
    }
  }
  compare(at::kCUDA, at::kDouble, 31, 40, 1e-12);
}

}  // namespace longclip
