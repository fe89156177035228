#pragma once
// train/himo_evaluation.h -- HiMo@K of a model on a data set of long captions (eval/himo.h).

#include "dist/communicator.h"
#include "eval/eval_config.h"
#include "eval/himo.h"
#include "train/encode_features.h"

namespace longclip {

struct HimoJob {
  RetrievalConfig set = {};
  EncodeOptions encode = {};
  /// A row's first caption is cut into so many growing subtexts, for each K of the list; a caption with fewer sentences is left
  /// out. Empty: the captions of a row are its growing subtexts, as in HiMo-Docci.
  std::vector<int64_t> ks = {2, 3, 4, 5};
};

struct HimoResult {
  std::optional<int64_t> k;  ///< empty: as many as a row has
  HimoScores scores;
  /// The number of the paper: the share of pairs that rise for K = 2 and 3, the correlation above.
  bool by_correlation() const { return !k || *k > 3; }
  double value() const { return by_correlation() ? scores.pearson : scores.monotone; }
};

/// One result for each K, on every rank; each rank encodes its share. Collective: yes.
/// Throws DataError for rows that cannot be used, and where no caption has K sentences.
std::vector<HimoResult> evaluate_himo(const Clip& model, const HimoJob& job, Communicator& comm);

/// [{"k", "value", "measure": "monotone" or "pearson", "monotone", "pearson", "pairs"}, ...]
Json to_json(const std::vector<HimoResult>& results);
std::string to_table(const std::vector<HimoResult>& results);

}  // namespace longclip
