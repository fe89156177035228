#pragma once
// train/retrieval_evaluation.h -- recalls of a model on one retrieval set, in the run and in `longclip eval retrieval`.

#include <map>

#include "data/retrieval_set.h"
#include "dist/communicator.h"
#include "eval/best_candidates.h"
#include "eval/eval_config.h"
#include "train/encode_features.h"

namespace longclip {

/// One measurement.
struct RetrievalJob {
  RetrievalConfig set = {};
  EncodeOptions encode = {};
  /// A row without a usable caption, and other counts than those of set.protocol (unless skip or limit ask for them), are
  /// errors; otherwise such rows are left out, and both are warnings. Pictures: encode.keep_going.
  bool strict = true;
  /// Measured once more with the captions cut to so many ids, start and end counted, for each of them.
  std::vector<int64_t> max_tokens = {};
  /// Keep the first so many candidates of each query; 0: none. REQUIRES: not encode.keep_going.
  int64_t num_best = 0;
};

/// What was found with one kind of captions.
struct CaptionScores : RetrievalScores {
  std::map<int64_t, RetrievalScores> by_max_tokens;       ///< job.max_tokens
  RetrievalSet set;                                       ///< with job.num_best, as the next two
  std::vector<std::vector<Candidate>> best_of_picture;    ///< captions
  std::vector<std::vector<Candidate>> best_of_caption;    ///< pictures
};

/// "long", "short".
using ScoresByCaptions = std::map<std::string, CaptionScores>;

/// Each rank encodes its share of pictures and captions; pictures are encoded once. The scores are those of one rank, on every
/// rank. Collective: yes. Throws DataError naming what cannot be read, InputError for max_tokens beyond the model's positions.
ScoresByCaptions evaluate_retrieval(const Clip& model, const RetrievalJob& job, Communicator& comm);

}  // namespace longclip
