#pragma once
// train/retrieval_evaluation.h -- recalls of a model on one retrieval set, in the run and in `longclip eval retrieval`.

#include <map>

#include "dist/communicator.h"
#include "eval/eval_config.h"
#include "eval/retrieval.h"
#include "train/encode_features.h"

namespace longclip {

/// Scores of one kind of captions ("long", "short").
using ScoresByCaptions = std::map<std::string, RetrievalScores>;

/// Each rank encodes its share of pictures and captions; the scores are those of one rank, on every rank.
/// `bad_lines_allowed`: rows without a usable caption are left out with a warning instead of being an error; so are
/// pictures that cannot be read, with options.keep_going.
/// Collective: yes. Throws DataError naming what cannot be read.
ScoresByCaptions evaluate_retrieval(const Clip& model, const RetrievalConfig& set, const EncodeOptions& options, bool bad_lines_allowed,
                                    Communicator& comm);

/// The recalls as keys of a metrics line: eval_<name>_i2t_R@1, or eval_<name>_long_i2t_R@1 where there are two kinds.
Json to_metrics(const std::string& name, const ScoresByCaptions& scores);

}  // namespace longclip
