// tests/src/loss/coarse_features_test.cpp -- the projection and its closed-form gradient against independent ways.
#include "loss/coarse_features.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linalg_svd.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/randn.h>
#include <torch/csrc/autograd/autograd.h>

#include "support/reference_data.h"

#include "support/catch.h"

namespace longclip {
namespace {

at::Tensor random(int64_t rows, int64_t columns, uint64_t seed) {
  return at::randn({rows, columns}, at::detail::createCPUGenerator(seed), at::TensorOptions().dtype(at::kDouble));
}

/// Upstream's way: centre, SVD, project (model_longclip.py PCA), in the dtype of x.
at::Tensor by_svd(const at::Tensor& x, int64_t k) {
  const at::Tensor mean = x.mean(0, true), centred = x.sub(mean);
  const auto [u, s, vh] = at::linalg_svd(centred, /*full_matrices=*/false);
  const at::Tensor kept = vh.narrow(0, 0, k);
  return centred.matmul(kept.t()).matmul(kept).add(mean);
}

template <class Function>
at::Tensor gradient(const at::Tensor& x, const at::Tensor& weights, Function&& function) {
  const at::Tensor input = x.detach().clone().requires_grad_(true);
  function(input).mul(weights).sum().backward();
  return input.grad();
}

at::Tensor central_differences(const at::Tensor& x, const at::Tensor& weights, int64_t k) {
  const at::Tensor grad = at::empty_like(x);
  const double h = 1e-6;
  for (int64_t i = 0; i < x.numel(); ++i) {
    const auto loss = [&](double change) {
      at::Tensor moved = x.clone();
      moved.flatten()[i].add_(change);
      return coarse_features(moved, {.count = k}).coarse_nE.mul(weights).sum().item<double>();
    };
    grad.flatten()[i].fill_((loss(h) - loss(-h)) / (2 * h));
  }
  return grad;
}

double relative(const at::Tensor& a, const at::Tensor& b) {
  return a.sub(b).abs().max().item<double>() / b.abs().max().item<double>();
}

at::Tensor ours(const at::Tensor& x, int64_t k) { return coarse_features(x, {.count = k}).coarse_nE; }

}  // namespace

TEST_CASE("coarse_features: the gradient equals central differences for more rows than columns, fewer, and as many", "[loss][unit]") {
  double worst = 0;
  for (const auto& [n, width, k] : {std::array{12, 7, 3}, std::array{6, 11, 2}, std::array{8, 8, 3}}) {
    const at::Tensor x = random(n, width, 7), weights = random(n, width, 8);
    worst = std::max(worst, relative(gradient(x, weights, [k = k](const at::Tensor& input) { return ours(input, k); }), central_differences(x, weights, k)));
  }
  test::report_difference("coarse gradient against central differences", worst, 1e-7);
  REQUIRE(worst <= 1e-7);
}

TEST_CASE("coarse_features: values and gradient equal SVD with autograd where singular values differ", "[loss][unit]") {
  for (const auto& [n, width, k] : {std::array{48, 64, 32}, std::array{96, 64, 32}, std::array{40, 40, 5}}) {
    const at::Tensor x = random(n, width, 1), weights = random(n, width, 2);
    REQUIRE(relative(ours(x, k), by_svd(x, k)) <= 1e-12);
    const at::Tensor mine = gradient(x, weights, [k = k](const at::Tensor& input) { return ours(input, k); });
    const at::Tensor svd = gradient(x, weights, [k = k](const at::Tensor& input) { return by_svd(input, k); });
    test::report_difference("coarse gradient against SVD autograd", relative(mine, svd), 1e-8);
    REQUIRE(relative(mine, svd) <= 1e-8);
  }
}

TEST_CASE("coarse_features: with at most k + 1 rows the features and their gradient pass unchanged", "[loss][unit]") {
  const at::Tensor x = random(33, 64, 3), weights = random(33, 64, 4);
  const CoarseFeatures result = coarse_features(x, {.count = 32});
  REQUIRE(result.coarse_nE.equal(x));
  REQUIRE(result.retained_energy.item<double>() == 1.0);
  REQUIRE(gradient(x, weights, [](const at::Tensor& input) { return ours(input, 32); }).equal(weights));
}

TEST_CASE("coarse_features: repeated rows and a rank below k give finite features and gradients", "[loss][unit]") {
  const at::Tensor narrow = random(48, 10, 5).matmul(random(10, 64, 6));  // rank 10 < 32
  const at::Tensor repeated = at::cat({random(20, 64, 7), random(20, 64, 7), random(8, 64, 8)});
  const at::Tensor equal = random(1, 64, 9).expand({48, 64}).contiguous();
  const auto twice = [](const at::Tensor& x) { return at::cat({x, x}); };  // more rows than columns: the other way to compute
  for (const at::Tensor& x : {narrow, repeated, equal, twice(narrow), twice(repeated), twice(equal)}) {
    const at::Tensor weights = random(x.size(0), 64, 10);
    REQUIRE(relative(ours(x, 32), x) <= 1.0);
    REQUIRE(gradient(x, weights, [](const at::Tensor& input) { return ours(input, 32); }).isfinite().all().item<bool>());
  }
  REQUIRE(relative(ours(narrow, 32), narrow) <= 1e-10);  // everything is kept
  REQUIRE(relative(ours(twice(narrow), 32), twice(narrow)) <= 1e-10);
}

TEST_CASE("coarse_features: equal singular values inside the kept set do no harm", "[loss][unit]") {
  const auto [u, s, vh] = at::linalg_svd(random(12, 9, 11).sub(random(12, 9, 11).mean(0, true)), false);
  at::Tensor equal_top = s.clone();
  equal_top.narrow(0, 0, 3).fill_(5.0);
  const at::Tensor x = u.mul(equal_top).matmul(vh), weights = random(12, 9, 12);
  const at::Tensor grad = gradient(x, weights, [](const at::Tensor& input) { return ours(input, 3); });
  REQUIRE(relative(grad, central_differences(x, weights, 3)) <= 1e-7);
}

TEST_CASE("coarse_features: `energy` keeps the fewest components that hold the share", "[loss][unit]") {
  const at::Tensor x = random(64, 32, 13);
  const CoarseFeatures result = coarse_features(x, {.count = 32, .energy = 0.9});
  REQUIRE(result.retained_energy.item<double>() >= 0.9);
  REQUIRE(coarse_features(x, {.count = result.num_components.item<int64_t>() - 1}).retained_energy.item<double>() < 0.9);
}

}  // namespace longclip
