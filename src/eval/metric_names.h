#pragma once
// eval/metric_names.h -- the keys of metrics.jsonl that hold what was measured.

#include "eval/eval_config.h"

namespace longclip {

/// eval_<set>_i2t_R@1, or eval_<set>_long_i2t_R@1 where both kinds of captions are measured (`captions`: "" or the kind).
std::string retrieval_metric(const std::string& set, const std::string& captions, bool image_to_text, int64_t k);

/// eval_<set>_top1, eval_<set>_top5.
std::string zero_shot_metric(const std::string& set, int64_t k);

/// All of them, of every set of the section: what checkpoint.keep_best may name.
std::vector<std::string> metric_names(const EvalConfig& config);

}  // namespace longclip
