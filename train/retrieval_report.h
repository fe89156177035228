#pragma once
// train/retrieval_report.h -- retrieval scores as JSON, as a table, as lines of one query each, and as metrics of a step.

#include "train/retrieval_evaluation.h"

namespace longclip {

/// {"image_to_text", "text_to_image", "pictures", "captions"}, nested under "long" and "short" where both were measured; with
/// cut captions also "by_max_tokens": [{"max_tokens": n, "image_to_text", "text_to_image"}, ...].
Json to_json(const ScoresByCaptions& scores);

/// The same for a terminal.
std::string to_table(const ScoresByCaptions& scores);

/// One JSON object a line: each picture as a query, then each caption, with its rank and its best candidates.
/// REQUIRES: the scores come from a job with num_best > 0.
std::string ranks_to_lines(const ScoresByCaptions& scores);

/// The recalls as keys of a metrics line (eval/metric_names.h).
Json to_metrics(const std::string& name, const ScoresByCaptions& scores);

}  // namespace longclip
