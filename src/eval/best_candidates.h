#pragma once
// eval/best_candidates.h -- what a search would show: the first candidates of each query.
// Shapes: Q queries, C candidates, E joint embedding.

#include "eval/retrieval.h"

namespace longclip {

struct Candidate {
  int64_t index = 0;
  float score = 0;
};

/// For each query its first `count` candidates (or all C, if that is less), the best first. Equal scores as in
/// retrieval_recalls(): within the tolerance the lower index comes first.
/// query_QE, candidate_CE   unit rows, floating point, any device; compared on the CPU in float32
/// Collective: no. Throws ShapeError for sizes that do not fit.
std::vector<std::vector<Candidate>> best_candidates(const at::Tensor& query_QE, const at::Tensor& candidate_CE, int64_t count,
                                                    const RetrievalOptions& options = {});

}  // namespace longclip
