// tests/src/model/recompute_test.cpp -- activation checkpointing changes memory, not numbers.
#include "model/recompute.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/randn.h>
#include <torch/csrc/autograd/autograd.h>

#include "plain_clip.h"

#include "support/catch.h"

namespace longclip {
namespace {

at::Tensor random_like(at::IntArrayRef sizes, uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  return at::randn(sizes, generator, at::kFloat);
}

}  // namespace

TEST_CASE("recompute_in_backward: value and gradients of input and parameter are those of the function itself",
          "[model][unit]") {
  const at::Tensor w = random_like({4, 4}, 1).requires_grad_(true), x = random_like({3, 4}, 2).requires_grad_(true);
  const auto function = [&w](const at::Tensor& input) { return input.matmul(w).tanh().matmul(w); };
  const at::Tensor plain = function(x);
  plain.square().sum().backward();
  const at::Tensor w_grad = w.grad().clone(), x_grad = x.grad().clone();
  w.mutable_grad().reset();
  x.mutable_grad().reset();
  const at::Tensor again = recompute_in_backward(function, x);
  REQUIRE(again.equal(plain));
  again.square().sum().backward();
  REQUIRE(w.grad().equal(w_grad));
  REQUIRE(x.grad().equal(x_grad));
}

TEST_CASE("recompute_in_backward: the function runs once forward and once backward", "[model][unit]") {
  const at::Tensor x = random_like({3}, 1).requires_grad_(true);
  int with_graph = 0, without_graph = 0;
  const auto function = [&](const at::Tensor& input) {
    ++(at::GradMode::is_enabled() ? with_graph : without_graph);
    return input.square();
  };
  const at::Tensor y = recompute_in_backward(function, x);
  REQUIRE(without_graph == 1);
  REQUIRE(with_graph == 0);
  y.sum().backward();
  REQUIRE(without_graph == 1);
  REQUIRE(with_graph == 1);
}

TEST_CASE("recompute_in_backward: without gradients it is the function", "[model][unit]") {
  const at::NoGradGuard no_grad;
  const at::Tensor x = random_like({3}, 1);
  const at::Tensor y = recompute_in_backward([](const at::Tensor& input) { return input.exp(); }, x);
  REQUIRE(y.equal(x.exp()));
  REQUIRE_FALSE(y.requires_grad());
}

TEST_CASE("Recomputed blocks: features and gradients have the same bits as kept ones", "[model][unit]") {
  std::vector<at::Tensor> features;
  std::vector<std::vector<Parameter>> parameters;
  for (const bool recompute : {false, true}) {
    Clip model = test::small_clip(Activation::kQuickGelu, 3, 5, at::kFloat);
    const ForwardOptions options{.recompute_blocks = recompute};
    const PackedTexts texts =
        pack_texts({test::random_text(30, model.architecture(), 1), test::random_text(248, model.architecture(), 2)},
                   model.architecture().eos_id, 248, at::kCPU);
    const at::Tensor image = model.encode_image(random_like({2, 3, 32, 32}, 3), options);
    const at::Tensor text = model.encode_text(texts, options);
    image.matmul(text.t()).square().sum().backward();
    features.push_back(image.matmul(text.t()).detach());
    parameters.push_back(model.trained_parameters());
  }
  REQUIRE(features[0].equal(features[1]));
  for (size_t i = 0; i < parameters[0].size(); ++i) {
    CAPTURE(parameters[0][i].name);
    const at::Tensor &kept = parameters[0][i].tensor.grad(), &recomputed = parameters[1][i].tensor.grad();
    REQUIRE(kept.defined() == recomputed.defined());  // the logit scale takes no part here
    if (kept.defined()) REQUIRE(kept.equal(recomputed));
  }
}

}  // namespace longclip
