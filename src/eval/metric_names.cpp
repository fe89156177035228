// eval/metric_names.cpp -- see eval/metric_names.h
#include "eval/metric_names.h"

#include "base/error.h"
#include "eval/retrieval.h"

namespace longclip {

std::string retrieval_metric(const std::string& set, const std::string& captions, bool image_to_text, int64_t k) {
  return fmt::format("eval_{}{}{}_{}_R@{}", set, captions.empty() ? "" : "_", captions, image_to_text ? "i2t" : "t2i", k);
}

std::string zero_shot_metric(const std::string& set, int64_t k) { return fmt::format("eval_{}_top{}", set, k); }

std::vector<std::string> metric_names(const EvalConfig& config) {
  std::vector<std::string> names;
  for (const RetrievalConfig& set : config.retrieval) {
    const bool both = !set.protocol && set.captions == RetrievalCaptions::kBoth;
    for (const char* captions : both ? std::vector<const char*>{"long", "short"} : std::vector<const char*>{""}) {
      for (const bool image_to_text : {true, false}) {
        for (const int64_t k : RetrievalOptions{}.ks) names.push_back(retrieval_metric(set.label(), captions, image_to_text, k));
      }
    }
  }
  for (const ZeroShotConfig& set : config.zeroshot) {
    for (const int64_t k : {1, 5}) names.push_back(zero_shot_metric(set.name, k));
  }
  return names;
}

}  // namespace longclip
