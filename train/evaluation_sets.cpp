// train/evaluation_sets.cpp -- see train/evaluation_sets.h
#include "train/evaluation_sets.h"

#include "data/retrieval_set.h"
#include "eval/retrieval_protocol.h"
#include "train/zero_shot_evaluation.h"

namespace longclip {

std::vector<EvaluationSet> open_evaluation_sets(const EvalConfig& config) {
  std::vector<EvaluationSet> found;
  for (const RetrievalConfig& given : config.retrieval) {
    const RetrievalConfig set = resolve_protocol(given);
    const auto read = [&](CaptionKind kind, const char* captions) {
      const RetrievalSet rows = load_retrieval_set(set, kind, /*bad_lines_allowed=*/true, set.captions_per_picture);
      found.push_back({fmt::format("eval.retrieval {}, {} captions", set.label(), captions), std::ssize(rows.pictures),
                       std::ssize(rows.skipped)});
    };
    if (set.captions != RetrievalCaptions::kShort) read(CaptionKind::kLong, "long");
    if (set.captions != RetrievalCaptions::kLong) read(CaptionKind::kShort, "short");
  }
  for (const ZeroShotConfig& set : config.zeroshot) {
    found.push_back(
        {fmt::format("eval.zeroshot {}", set.label()), std::ssize(load_zero_shot_set(set).folders.pictures), 0});
  }
  return found;
}

}  // namespace longclip
