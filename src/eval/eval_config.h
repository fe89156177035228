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

/// Sets that papers report; their rules are in eval/retrieval_protocol.h.
enum class RetrievalProtocol { kUrban1k, kSharegpt4v1k, kDocci, kCoco5k, kFlickr30k1k, kFlickr30k31k };
template <> struct EnumNames<RetrievalProtocol> {
  static constexpr std::array kNames{
      std::pair{RetrievalProtocol::kUrban1k, "urban1k"},          std::pair{RetrievalProtocol::kSharegpt4v1k, "sharegpt4v-1k"},
      std::pair{RetrievalProtocol::kDocci, "docci"},              std::pair{RetrievalProtocol::kCoco5k, "coco5k"},
      std::pair{RetrievalProtocol::kFlickr30k1k, "flickr30k-1k"}, std::pair{RetrievalProtocol::kFlickr30k31k, "flickr30k-31k"}};
};

/// Throws the error of a name that cannot be part of a metric's name.
inline void check_set_name(const std::string& name, const RejectField& reject) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  if (!std::ranges::all_of(name, allowed)) reject("name", "must be letters, digits, `_` and `-`");
}

/// One set of pictures and captions to search.
struct RetrievalConfig : SourceConfig {
  std::string name;
  std::optional<RetrievalProtocol> protocol;
  RetrievalCaptions captions = RetrievalCaptions::kBoth;
  std::optional<int64_t> captions_per_picture;

  bool operator==(const RetrievalConfig&) const = default;

  /// The name in the metrics.
  std::string label() const { return name.empty() && protocol ? std::string(enum_name(*protocol)) : name; }

  template <class Self, class Visitor> static void fields(Self& self, Visitor&& visit) {
    visit("name", self.name,
          {"Name in the metrics (`eval_<name>_i2t_R@1`): letters, digits, `_` and `-`; with `protocol` it may be left out and "
           "is that of the protocol."});
    visit("protocol", self.protocol,
          {.meaning = "A set that papers report, by its name (docs/evaluation.md): it decides `format`, `split`, the captions and "
                      "how many there must be; `path` is the folder of the data set, or its caption file. `none`: your own data.",
           .replaces = "format"});
    SourceConfig::fields(self, visit);
    visit("captions", self.captions,
          {"Captions that are searched with: `long`, `short` or `both` (one after the other). With `protocol`: its own."});
    visit("captions_per_picture", self.captions_per_picture,
          {"Use only the first N captions of a row; `none`: all of them."});
  }
  void validate(const RejectField& reject) const {
    SourceConfig::validate(reject);
    if (name.empty() && !protocol) reject("name", "is missing and has no default without a protocol");
    check_set_name(name, reject);
    if (captions_per_picture && *captions_per_picture < 1) reject("captions_per_picture", "must be at least 1");
    if (protocol && split) reject("split", "is decided by the protocol");
    if (protocol && captions_per_picture) reject("captions_per_picture", "is decided by the protocol");
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

  /// The name in the metrics.
  const std::string& label() const { return name; }

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
    if (name.empty()) reject("name", "must not be empty");
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
        if (sets[i].label() == sets[j].label()) reject(key, "holds the name '" + sets[i].label() + "' twice");
      }
    }
  }
};

}  // namespace longclip
