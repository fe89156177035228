// tests/src/optim/adamw_test.cpp -- optim/adamw.h
#include "optim/adamw.h"

#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "base/error.h"

#include "support/catch.h"

namespace longclip {
namespace {
at::Tensor leaf(std::vector<float> values) { return at::tensor(values).requires_grad_(true); }
}  // namespace

TEST_CASE("AdamW: one step is decay, then the bias-corrected update", "[optim][unit]") {
  const at::Tensor w = leaf({1.0F, -2.0F});
  OptimConfig config;
  config.weight_decay = 0.1;
  AdamW optimizer({"w"}, {w}, config);
  w.mul(at::tensor({3.0F, -0.5F})).sum().backward();
  optimizer.step(0.01);
  // first step: m/(1-b1) = g, v/(1-b2) = g^2, so the update is lr * sign(g)
  REQUIRE(w[0].item<float>() == Approx(1.0 * (1 - 0.001) - 0.01).epsilon(1e-6));
  REQUIRE(w[1].item<float>() == Approx(-2.0 * (1 - 0.001) + 0.01).epsilon(1e-6));
}

TEST_CASE("AdamW: the gradient norm is over all parameters, and not finite if one entry is not", "[optim][unit]") {
  const at::Tensor a = leaf({1.0F}), b = leaf({1.0F});
  AdamW optimizer({"a", "b"}, {a, b}, OptimConfig{});
  a.mul(3).add(b.mul(4)).sum().backward();
  REQUIRE(optimizer.grad_norm().item<double>() == Approx(5));
  b.mutable_grad().fill_(NAN);
  REQUIRE_FALSE(std::isfinite(optimizer.grad_norm().item<double>()));
}

TEST_CASE("AdamW: a divisor of the gradients gives the step of the divided gradients", "[optim][unit]") {
  const at::Tensor divided = leaf({1.0F, -2.0F}), plain = leaf({1.0F, -2.0F});
  AdamW with({"w"}, {divided}, OptimConfig{}), without({"w"}, {plain}, OptimConfig{});
  for (int i = 0; i < 3; ++i) {
    with.zero_grad();
    without.zero_grad();
    divided.mul(divided).mul(8.0 * (i + 1)).sum().backward();
    plain.mul(plain).mul(i + 1.0).sum().backward();
    with.step(0.1, 8.0);
    without.step(0.1);
  }
  REQUIRE(divided.equal(plain));
}

TEST_CASE("AdamW: a loaded state continues bit for bit", "[optim][unit]") {
  const auto train = [](AdamW& optimizer, const at::Tensor& w, int from, int to) {
    for (int i = from; i < to; ++i) {
      optimizer.zero_grad();
      w.mul(w).mul(static_cast<double>(i + 1)).sum().backward();
      optimizer.step(0.1);
    }
  };
  const at::Tensor whole = leaf({1.0F, 2.0F, 3.0F}), part = leaf({1.0F, 2.0F, 3.0F});
  AdamW uninterrupted({"w"}, {whole}, OptimConfig{}), first({"w"}, {part}, OptimConfig{});
  train(uninterrupted, whole, 0, 6);
  train(first, part, 0, 3);
  AdamW second({"w"}, {part}, OptimConfig{});
  second.load_state(first.state());
  train(second, part, 3, 6);
  REQUIRE(whole.equal(part));
}

TEST_CASE("AdamW: a state of other parameters is refused by name", "[optim][unit]") {
  AdamW one({"w"}, {leaf({1.0F})}, OptimConfig{}), other({"v"}, {leaf({1.0F})}, OptimConfig{});
  REQUIRE_THROWS_WITH(one.load_state(other.state()), ContainsSubstring("'exp_avg.w' is missing"));
}

}  // namespace longclip
