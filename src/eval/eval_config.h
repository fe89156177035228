#pragma once
// eval/eval_config.h -- the `eval` section: what is measured while a run trains.

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

enum class PromptTemplates { kImagenet80, kCifar18, kSimple };
template <> struct EnumNames<PromptTemplates> {
  static constexpr std::array kNames{std::pair{PromptTemplates::kImagenet80, "imagenet80"},
                                     std::pair{PromptTemplates::kCifar18, "cifar18"},
                                     std::pair{PromptTemplates::kSimple, "simple"}};
};

/// Throws the error of a name that cannot be part of a metric's name.
inline void check_set_name(const std::string& name, const RejectField& reject) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  if (name.empty() || !std::ranges::all_of(name, allowed)) reject("name", "must be letters, digits, `_` and `-`");
}

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
    check_set_name(name, reject);
  }
};

/// One folder of labelled pictures to classify.
struct ZeroShotConfig {
  std::string name;
  std::filesystem::path path;
  std::optional<std::filesystem::path> classes;
  PromptTemplates templates = PromptTemplates::kImagenet80;
  std::optional<std::filesystem::path> templates_file;
  std::optional<int64_t> pictures_per_class;

  bool operator==(const ZeroShotConfig&) const = default;

  template <class Self, class Visitor> static void fields(Self& self, Visitor&& visit) {
    visit("name", self.name, {"Name in the metrics (`eval_<name>_top1`): letters, digits, `_` and `-`.", "", kRequired});
    visit("path", self.path, {"Folder that holds one folder of pictures for each class, relative to the YAML file.", "", kRequired});
    visit("classes", self.classes,
          {"File of the classes' names, relative to the YAML file: one a line in the order of the folders, or `.json` "
           "(docs/zero_shot.md); `none`: the folders' names, and CLIP's names for folders called n01440764."});
    visit("templates", self.templates,
          {"The prompts: CLIP's 80 for ImageNet (`imagenet80`), its 18 for CIFAR (`cifar18`), or `a photo of a {}.` alone "
           "(`simple`).",
           "OpenAI CLIP"});
    visit("templates_file", self.templates_file,
          {.meaning = "Prompts of one's own instead: one a line, `{}` where the class goes.", .replaces = "templates"});
    visit("pictures_per_class", self.pictures_per_class, {"Use only the first N pictures of each class; `none`: all of them."});
  }
  void validate(const RejectField& reject) const {
    check_set_name(name, reject);
    if (pictures_per_class && *pictures_per_class < 1) reject("pictures_per_class", "must be at least 1");
  }
};

struct EvalConfig {
  int64_t every_steps = 0;
  std::vector<RetrievalConfig> retrieval;
  std::vector<ZeroShotConfig> zeroshot;
  int64_t pairs_per_batch = 64;

  bool operator==(const EvalConfig&) const = default;

  template <class Self, class Visitor> static void fields(Self& self, Visitor&& visit) {
    visit("every_steps", self.every_steps, {"Steps between evaluations; 0: only at the end of the run."});
    visit("retrieval", self.retrieval,
          {"Sets that retrieval (R@1, R@5, R@10, both ways) is measured on; empty: none."});
    visit("zeroshot", self.zeroshot, {"Folders of labelled pictures that zero-shot classification (top-1, top-5) is measured on; empty: none."});
    visit("pairs_per_batch", self.pairs_per_batch,
          {"Pictures and captions encoded at once. It bounds memory; the results do not depend on it."});
  }
  void validate(const RejectField& reject) const {
    if (every_steps < 0) reject("every_steps", "must not be negative");
    if (every_steps > 0 && !measures_anything())
      reject("every_steps", "asks for evaluations, but eval.retrieval and eval.zeroshot are empty");
    if (pairs_per_batch < 1) reject("pairs_per_batch", "must be at least 1");
    check_names_differ(retrieval, "retrieval", reject);
    check_names_differ(zeroshot, "zeroshot", reject);
  }
  bool measures_anything() const { return !retrieval.empty() || !zeroshot.empty(); }

 private:
  template <class Set> static void check_names_differ(const std::vector<Set>& sets, const char* key, const RejectField& reject) {
    for (size_t i = 0; i < sets.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        if (sets[i].name == sets[j].name) reject(key, "holds the name '" + sets[i].name + "' twice");
      }
    }
  }
};

}  // namespace longclip
