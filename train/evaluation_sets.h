#pragma once
// train/evaluation_sets.h -- the sets that a run measures on, opened before the first step: a mistake in them is said now and not
// hours later.

#include <string>
#include <vector>

#include "eval/eval_config.h"

namespace longclip {

/// What was found in one set.
struct EvaluationSet {
  std::string key;  ///< "eval.retrieval val, long captions", "eval.zeroshot pets"
  int64_t pictures = 0;
  int64_t bad_rows = 0;  ///< left out
};

/// Reads the rows of all sets as an evaluation does; whether their pictures are there is not looked at. Throws DataError naming
/// the file and what is wrong: it is missing or broken as a whole, no row has such a caption, a class has no picture; Stopped.
std::vector<EvaluationSet> open_evaluation_sets(const EvalConfig& config);

}  // namespace longclip
