#pragma once
// base/source_config.h -- where rows of pictures and captions come from: the keys that an entry of `data.train`, an entry
// of `eval.retrieval` and a SPEC on the command line have in common.

#include "base/config_field.h"

namespace longclip {

enum class SourceFormat { kTriples };
template <> struct EnumNames<SourceFormat> {
  static constexpr std::array kNames{std::pair{SourceFormat::kTriples, "triples"}};
};

struct SourceConfig {
  SourceFormat format = SourceFormat::kTriples;
  std::filesystem::path path;
  std::filesystem::path images = ".";
  std::optional<int64_t> limit;

  bool operator==(const SourceConfig&) const = default;

  template <class Self, class Visitor> static void fields(Self& self, Visitor&& visit) {
    visit("format", self.format,
          {"How the rows are written. `triples`: JSONL, one `{\"image\": ..., \"long\": ..., \"short\": ...}` a line.",
           "", kRequired});
    visit("path", self.path, {"The file that holds the rows, relative to the YAML file.", "", kRequired});
    visit("images", self.images,
          {"Folder that the image names in the rows are relative to; itself relative to the YAML file."});
    visit("limit", self.limit, {"Use only the first N rows; `none`: all of them."});
  }
  void validate(const RejectField& reject) const {
    if (limit && *limit < 1) reject("limit", "must be at least 1");
  }
};

}  // namespace longclip
