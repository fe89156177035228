// tests/src/eval/himo_test.cpp -- HiMo@K on numbers worked out by hand.
#include "eval/himo.h"

#include <cmath>

#include "base/error.h"
#include "support/catch.h"

namespace longclip {
namespace {

double correlation(const std::vector<double>& scores) { return correlation_with_place(scores); }
bool near(double value, double wanted) { return std::abs(value - wanted) < 1e-12; }

}  // namespace

TEST_CASE("correlation_with_place: is Pearson's with 1 to K", "[eval][unit]") {
  CHECK(near(correlation({0.1, 0.2, 0.3, 0.4}), 1));
  CHECK(near(correlation({0.3, 0.2}), -1));
  // Places -1.5 -0.5 0.5 1.5, scores 1 3 2 4 less their mean 2.5: (2.25 - 0.25 - 0.25 + 2.25) / 5.
  CHECK(near(correlation({1, 3, 2, 4}), 0.8));
  // Places -1 0 1, scores 0 3 0 less 1: products 1 and -1 cancel.
  CHECK(near(correlation({0, 3, 0}), 0));
  CHECK(correlation({0.25, 0.25, 0.25}) == 0);
}

TEST_CASE("himo_scores: counts the pairs that rise at every step, and averages the correlations", "[eval][unit]") {
  const HimoScores scores = himo_scores({{1, 2, 3, 4}, {1, 3, 2, 4}, {4, 3, 2, 1}, {0, 1}});
  CHECK(scores.pairs == 4);
  CHECK(scores.monotone == 0.5);
  CHECK(near(scores.pearson, (1 + 0.8 - 1 + 1) / 4));
}

TEST_CASE("himo_scores: a rise within the tolerance is none", "[eval][unit]") {
  CHECK(himo_scores({{0.5, 0.5 + 5e-7}}).monotone == 0);
  CHECK(himo_scores({{0.5, 0.5 + 2e-6}}).monotone == 1);
  CHECK(himo_scores({{0.5, 0.5}}).monotone == 0);
}

TEST_CASE("himo_scores: one score alone is refused, no pair at all gives zeros", "[eval][unit]") {
  CHECK_THROWS_AS(himo_scores({{1.0}}), ShapeError);
  CHECK(himo_scores({}).pairs == 0);
}

}  // namespace longclip
