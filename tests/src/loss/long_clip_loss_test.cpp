// tests/src/loss/long_clip_loss_test.cpp -- loss/long_clip_loss.h
#include "loss/long_clip_loss.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>

#include "base/error.h"

#include "support/catch.h"

namespace longclip {
namespace {

at::Tensor unit_rows(int64_t rows, uint64_t seed) {
  const at::Tensor x = at::randn({rows, 16}, at::detail::createCPUGenerator(seed), at::TensorOptions().dtype(at::kDouble));
  return x.div(at::linalg_vector_norm(x, 2, {1}, true));
}

Features features(int64_t rows, uint64_t seed) {
  return {unit_rows(rows, seed), unit_rows(rows, seed + 1), unit_rows(rows, seed + 2), unit_rows(rows, seed + 3), unit_rows(rows, seed + 4)};
}

Features slice(const Features& f, int64_t first, int64_t count) {
  const auto rows = [&](const at::Tensor& x) { return x.narrow(0, first, count); };
  return {rows(f.image), rows(f.long_text), rows(f.short_text), rows(f.coarse_image), rows(f.coarse_long_text)};
}

double total(const Features& mine, const Features& all, int64_t rank, const LossConfig& config) {
  return long_clip_loss(mine, all, at::tensor(2.0, at::kDouble), rank, config).total.item<double>();
}

}  // namespace

TEST_CASE("long_clip_loss: the mean over ranks equals the loss of one rank with all pairs", "[loss][unit]") {
  const Features all = features(12, 1);
  for (const PcmSide side : {PcmSide::kImage, PcmSide::kText, PcmSide::kBoth, PcmSide::kNone}) {
    LossConfig config;
    config.pcm.side = side;
    double mean = 0;
    for (int64_t rank = 0; rank < 3; ++rank) mean += total(slice(all, 4 * rank, 4), all, rank, config) / 3;
    REQUIRE(mean == Approx(total(all, all, 0, config)).epsilon(1e-12));
  }
}

TEST_CASE("long_clip_loss: a weight of 0 switches its term and its captions off", "[loss][unit]") {
  Features f = features(6, 2);
  LossConfig config;
  config.long_weight = 0;
  f.long_text = at::Tensor();
  const LossTerms terms = long_clip_loss(f, f, at::tensor(2.0, at::kDouble), 0, config);
  REQUIRE(terms.long_term.item<double>() == 0);
  REQUIRE(terms.total.item<double>() == terms.short_term.item<double>());
  REQUIRE_FALSE(needs_long_captions(config));
  config.long_weight = 1;
  config.short_weight = 0;
  REQUIRE_FALSE(needs_short_captions(config));
}

TEST_CASE("contrastive_loss: perfect pairs at a large scale cost only the label smoothing", "[loss][unit]") {
  const at::Tensor x = unit_rows(8, 3);
  const double without = contrastive_loss({x, x}, {x, x}, at::tensor(6.0, at::kDouble), 0, 0.0).item<double>();
  REQUIRE(without < 1e-6);
  REQUIRE(contrastive_loss({x, x}, {x, x}, at::tensor(6.0, at::kDouble), 0, 0.1).item<double>() > 1.0);
}

TEST_CASE("contrastive_loss: rows of all ranks that are no multiple of the local ones are a shape error", "[loss][unit]") {
  const at::Tensor x = unit_rows(4, 4), y = unit_rows(7, 5);
  REQUIRE_THROWS_AS(contrastive_loss({x, x}, {y, y}, at::tensor(1.0, at::kDouble), 0, 0.1), ShapeError);
}

}  // namespace longclip
