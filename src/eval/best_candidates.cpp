// eval/best_candidates.cpp -- see eval/best_candidates.h. q: the queries of one block.
#include "eval/best_candidates.h"

#include <algorithm>

#include "tensors/shape.h"

namespace longclip {
namespace {

/// Candidates that may be among the first `count`: all that are surely ahead of the last of them, and of those about equal to
/// it the lowest indices.
std::vector<Candidate> pool_of(const float* scores, int64_t candidates, int64_t count, float tolerance) {
  std::vector<float> sorted(scores, scores + candidates);
  std::nth_element(sorted.begin(), sorted.begin() + (count - 1), sorted.end(), std::greater<>());
  const float last = sorted[static_cast<size_t>(count - 1)];
  std::vector<Candidate> pool;
  int64_t about_equal = 0;
  for (int64_t index = 0; index < candidates; ++index) {
    const float score = scores[index];
    if (score > last + tolerance || (score >= last - tolerance && about_equal++ < count)) pool.push_back({index, score});
  }
  return pool;
}

/// Candidates of the pool ahead of `one`. Counted, not sorted: being about equal is not transitive.
int64_t ahead_of(const Candidate& one, const std::vector<Candidate>& pool, float tolerance) {
  return std::ranges::count_if(pool, [&](const Candidate& other) {
    return other.index < one.index ? other.score >= one.score - tolerance : other.score > one.score + tolerance;
  });
}

std::vector<Candidate> first_of(const float* scores, int64_t candidates, int64_t count, float tolerance) {
  std::vector<Candidate> pool = pool_of(scores, candidates, count, tolerance);
  std::vector<std::pair<int64_t, Candidate>> placed;
  for (const Candidate& candidate : pool) placed.emplace_back(ahead_of(candidate, pool, tolerance), candidate);
  std::ranges::stable_sort(placed, {}, &std::pair<int64_t, Candidate>::first);
  std::vector<Candidate> first;
  for (int64_t i = 0; i < count; ++i) first.push_back(placed[static_cast<size_t>(i)].second);
  return first;
}

}  // namespace

std::vector<std::vector<Candidate>> best_candidates(const at::Tensor& query_QE, const at::Tensor& candidate_CE, int64_t count,
                                                    const RetrievalOptions& options) {
  check_shape(query_QE, {kAnySize, kAnySize}, "query_QE");
  check_shape(candidate_CE, {kAnySize, query_QE.size(1)}, "candidate_CE");
  const at::Tensor queries = query_QE.detach().to(at::kCPU, at::kFloat);
  const at::Tensor candidates = candidate_CE.detach().to(at::kCPU, at::kFloat);
  const int64_t total = candidates.size(0), shown = std::min(count, total);
  std::vector<std::vector<Candidate>> best;
  if (shown < 1) return std::vector<std::vector<Candidate>>(static_cast<size_t>(queries.size(0)));
  const int64_t block_q = std::max<int64_t>(1, options.max_score_elements / total);
  for (int64_t q = 0; q < queries.size(0); q += block_q) {
    const at::Tensor scores_qC = queries.slice(0, q, q + block_q).matmul(candidates.t()).contiguous();
    for (int64_t row = 0; row < scores_qC.size(0); ++row) {
      best.push_back(first_of(scores_qC.const_data_ptr<float>() + row * total, total, shown, static_cast<float>(options.tie_tolerance)));
    }
  }
  return best;
}

}  // namespace longclip
