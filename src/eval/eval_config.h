#pragma once
// eval/eval_config.h -- the `eval` section: retrieval measured while a run trains.

#include <algorithm>

#include "base/config_field.h"
#include "base/source_config.h"

namespace longclip {

enum class RetrievalCaptions { kLong, kShort, kBoth };
template <> struct EnumNames<RetrievalCaptions> {
  static constexpr std::array kNames{std::pair{RetrievalCaptions::kLong, "long"},
                                     std::pair{RetrievalCaptions::kShort, "short"},
                                     std::pair{RetrievalCaptions::kBoth, "both"}};
};

/// One set of pictures and captions to search.
struct RetrievalConfig : SourceConfig {
  std::string name;
  RetrievalCaptions captions = RetrievalCaptions::kBoth;

  bool operator==(const RetrievalConfig&) const = default;

  template <class Self, class Visitor> static void fields(Self& self, Visitor&& visit) {
    visit("name", self.name,
          {"Name in the metrics (`eval_<name>_i2t_R@1`): letters, digits, `_` and `-`.", "", kRequired});
    SourceConfig::fields(self, visit);
    visit("captions", self.captions,
          {"Captions that are searched with: `long`, `short` or `both` (one after the other)."});
  }
  void validate(const RejectField& reject) const {
    SourceConfig::validate(reject);
    const auto allowed = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    };
    if (name.empty() || !std::ranges::all_of(name, allowed)) reject("name", "must be letters, digits, `_` and `-`");
  }
};

struct EvalConfig {
  int64_t every_steps = 0;
  std::vector<RetrievalConfig> retrieval;
  int64_t pairs_per_batch = 64;

  bool operator==(const EvalConfig&) const = default;

  template <class Self, class Visitor> static void fields(Self& self, Visitor&& visit) {
    visit("every_steps", self.every_steps, {"Steps between evaluations; 0: only at the end of the run."});
    visit("retrieval", self.retrieval,
          {"Sets that retrieval (R@1, R@5, R@10, both ways) is measured on; empty: no evaluation."});
    visit("pairs_per_batch", self.pairs_per_batch,
          {"Pictures and captions encoded at once. It bounds memory; the results do not depend on it."});
  }
  void validate(const RejectField& reject) const {
    if (every_steps < 0) reject("every_steps", "must not be negative");
    if (every_steps > 0 && retrieval.empty())
      reject("every_steps", "asks for evaluations, but eval.retrieval is empty");
    if (pairs_per_batch < 1) reject("pairs_per_batch", "must be at least 1");
    for (size_t i = 0; i < retrieval.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        if (retrieval[i].name == retrieval[j].name)
          reject("retrieval", "holds the name '" + retrieval[i].name + "' twice");
      }
    }
  }
};

}  // namespace longclip
