// eval/himo.cpp -- see eval/himo.h
#include "eval/himo.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace longclip {
namespace {

bool rises(std::span<const double> scores, double tolerance) {
  return std::ranges::adjacent_find(scores, [=](double before, double after) { return after <= before + tolerance; }) == scores.end();
}

}  // namespace

double correlation_with_place(std::span<const double> scores) {
  const auto count = static_cast<double>(scores.size());
  const double mean_place = (count + 1) / 2;
  const double mean_score = std::accumulate(scores.begin(), scores.end(), 0.0) / count;
  double products = 0, places = 0, squares = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    const double place = static_cast<double>(i + 1) - mean_place, score = scores[i] - mean_score;
    products += place * score;
    places += place * place;
    squares += score * score;
  }
  const double scale = std::sqrt(places) * std::sqrt(squares);
  return scale == 0 ? 0 : products / scale;
}

HimoScores himo_scores(const std::vector<std::vector<double>>& scores_of_pairs, double tolerance) {
  HimoScores result;
  for (const std::vector<double>& scores : scores_of_pairs) {
    require<ShapeError>(scores.size() >= 2, "pair {} has {} scores; at least two are needed", result.pairs, scores.size());
    ++result.pairs;
    result.monotone += rises(scores, tolerance) ? 1 : 0;
    result.pearson += correlation_with_place(scores);
  }
  if (result.pairs == 0) return result;
  result.monotone /= static_cast<double>(result.pairs);
  result.pearson /= static_cast<double>(result.pairs);
  return result;
}

}  // namespace longclip
