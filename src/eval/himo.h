#pragma once
// eval/himo.h -- HiMo@K of HiMo-CLIP (arXiv 2511.06653, section 4.2): does a picture's score rise as its caption grows?

#include <cstdint>
#include <span>
#include <vector>

namespace longclip {

/// Over all pairs of a picture and a caption.
struct HimoScores {
  int64_t pairs = 0;
  double monotone = 0;  ///< share of pairs whose every score is above the one before (equation 6)
  double pearson = 0;   ///< mean correlation of a pair's scores with their places 1, 2, ... K (equation 5)
};

/// Correlation of the scores with 1, 2, ... K; 0 where all scores are equal, as in HiMo-CLIP's eval/text_mono/get_himo.py.
double correlation_with_place(std::span<const double> scores);

/// `scores_of_pairs`: of each pair the scores of its growing subtexts, at least two; K may differ from pair to pair. A rise of at
/// most `tolerance` is none, so that the rounding of a batch does not decide (retrieval has the same rule).
HimoScores himo_scores(const std::vector<std::vector<double>>& scores_of_pairs, double tolerance = 1e-6);

}  // namespace longclip
