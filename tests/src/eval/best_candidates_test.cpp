// tests/src/eval/best_candidates_test.cpp -- eval/best_candidates.h
#include "eval/best_candidates.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "base/error.h"
#include "support/catch.h"

namespace longclip {
namespace {

std::vector<int64_t> indices(const std::vector<Candidate>& candidates) {
  std::vector<int64_t> result;
  for (const Candidate& candidate : candidates) result.push_back(candidate.index);
  return result;
}

}  // namespace

TEST_CASE("best_candidates: the highest scores first, and within the tolerance the lower index", "[eval][unit]") {
  const at::Tensor query = at::ones({1, 1});
  const at::Tensor candidates = at::tensor({0.2F, 0.5F, 0.9F, 0.5F + 4e-7F, 0.1F}).reshape({5, 1});
  CHECK(indices(best_candidates(query, candidates, 3)[0]) == std::vector<int64_t>{2, 1, 3});
  CHECK(indices(best_candidates(query, candidates, 2)[0]) == std::vector<int64_t>{2, 1});
  CHECK(indices(best_candidates(query, candidates, 9)[0]) == std::vector<int64_t>{2, 1, 3, 0, 4});
  CHECK(best_candidates(query, candidates, 1)[0][0].score == 0.9F);
  CHECK(indices(best_candidates(query, at::ones({6, 1}), 3)[0]) == std::vector<int64_t>{0, 1, 2});
}

TEST_CASE("best_candidates: a query's target stands at its rank, whatever the size of the score blocks", "[eval][unit]") {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(uint64_t{5});
  at::Tensor image = at::randn({40, 8}, generator), text = image + at::randn({40, 8}, generator);
  image = image / image.norm(2, 1, true);
  text = text / text.norm(2, 1, true);
  text.slice(0, 10, 14).copy_(text.slice(0, 0, 1).expand({4, 8}));  // equal captions
  std::vector<int64_t> same;
  for (int64_t i = 0; i < 40; ++i) same.push_back(i);
  const RetrievalScores scores = retrieval_recalls(image, text, same);
  for (const int64_t bound : {1, 100, 1 << 20}) {
    const auto best = best_candidates(image, text, 40, {.max_score_elements = bound});
    for (size_t query = 0; query < 40; ++query) {
      CHECK(best[query][static_cast<size_t>(scores.rank_of_picture[query] - 1)].index == static_cast<int64_t>(query));
    }
  }
}

TEST_CASE("best_candidates: widths that differ are refused", "[eval][unit]") {
  CHECK_THROWS_AS(best_candidates(at::ones({1, 2}), at::ones({1, 3}), 1), ShapeError);
}

}  // namespace longclip
