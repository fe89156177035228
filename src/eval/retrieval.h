#pragma once
// eval/retrieval.h -- image-to-text and text-to-image recall from features, with a stated rule for equal scores.
// Shapes: K pictures, M captions (each belongs to one picture), E joint embedding.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"

namespace longclip {

struct RetrievalOptions {
  std::vector<int64_t> ks = {1, 5, 10};  ///< the k of R@k, each at least 1
  /// Scores closer than this count as equal. Features of the same input differ by about 1e-7 when they come out of
  /// batches or matrix products of another size; without a tolerance that would decide their order.
  double tie_tolerance = 1e-6;
  int64_t max_score_elements = int64_t{4} << 20;  ///< largest score block held at once, in numbers of 4 bytes
};

/// What a retrieval protocol reports.
struct RetrievalScores {
  std::vector<int64_t> ks;
  std::vector<double> image_to_text;  ///< one share in [0, 1] per k
  std::vector<double> text_to_image;
  int64_t pictures = 0;  ///< K
  int64_t captions = 0;  ///< M
  /// Rank of the best-ranked caption of each picture among all captions; 1 is the first.
  std::vector<int64_t> rank_of_picture;
  /// Rank of each caption's picture among all pictures; 1 is the first.
  std::vector<int64_t> rank_of_caption;
};

/// Recall in both directions. A picture counts as found at k if *any* of its captions is among the first k
/// (Long-CLIP eval/retrieval/coco.py); a caption if its picture is.
///
/// image_KE, text_ME    unit rows, floating point, any device; compared on the CPU in float32
/// picture_of_caption   M indices below K; every picture has at least one caption
///
/// Rank of a target = 1 + the candidates that score higher by more than the tolerance + those within the tolerance that
/// have a lower index. The rule looks from one target at all candidates, so it needs no sorting (being "within the
/// tolerance" is not transitive, a sorted order would depend on the sorting algorithm), and it neither favours the
/// target among equals (a collapsed model would get R@1 = 1) nor disfavours it (it would get 0).
/// The result does not depend on `max_score_elements`, up to scores that differ by the tolerance to within rounding.
/// A k beyond the number of candidates is fine. Collective: no.
/// Throws ShapeError for sizes or indices that do not fit, NotFiniteError for features that are not finite.
[[nodiscard]] RetrievalScores retrieval_recalls(const at::Tensor& image_KE, const at::Tensor& text_ME,
                                                const std::vector<int64_t>& picture_of_caption,
                                                const RetrievalOptions& options = {});

/// Rank (from 1) of one candidate for each query, by the rule of retrieval_recalls(): query_QE, candidate_CE as there,
/// `target_of_query` Q indices below C. Throws as retrieval_recalls(). Collective: no.
[[nodiscard]] std::vector<int64_t> target_ranks(const at::Tensor& query_QE, const at::Tensor& candidate_CE,
                                                const std::vector<int64_t>& target_of_query,
                                                const RetrievalOptions& options = {});

/// {"image_to_text": {"R@1": ..}, "text_to_image": {..}, "pictures": K, "captions": M}
Json to_json(const RetrievalScores& scores);

/// The same for a terminal: one line a direction, in percent. Ends with a newline.
std::string to_table(const RetrievalScores& scores);

}  // namespace longclip
