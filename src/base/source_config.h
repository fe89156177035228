#pragma once
// base/source_config.h -- where rows of pictures and captions come from: the keys that an entry of `data.train`, an entry
// of `eval.retrieval` and a SPEC on the command line have in common. Every format with an example: docs/data_formats.md.

#include "base/config_field.h"

namespace longclip {

enum class SourceFormat { kTriples, kSharegpt4v, kWebdataset, kCsv, kUrban1k, kCoco, kFlickr };
template <> struct EnumNames<SourceFormat> {
  static constexpr std::array kNames{
      std::pair{SourceFormat::kTriples, "triples"},       std::pair{SourceFormat::kSharegpt4v, "sharegpt4v"},
      std::pair{SourceFormat::kWebdataset, "webdataset"}, std::pair{SourceFormat::kCsv, "csv"},
      std::pair{SourceFormat::kUrban1k, "urban1k"},       std::pair{SourceFormat::kCoco, "coco"},
      std::pair{SourceFormat::kFlickr, "flickr"}};
};

enum class CsvSeparator { kAuto, kComma, kSemicolon, kTab };
template <> struct EnumNames<CsvSeparator> {
  static constexpr std::array kNames{std::pair{CsvSeparator::kAuto, "auto"}, std::pair{CsvSeparator::kComma, ","},
                                     std::pair{CsvSeparator::kSemicolon, ";"}, std::pair{CsvSeparator::kTab, "\\t"},
                                     std::pair{CsvSeparator::kTab, "\t"}};  // "\t" in YAML's double quotes
};

struct SourceConfig {
  SourceFormat format = SourceFormat::kTriples;
  std::filesystem::path path = {};
  std::vector<std::filesystem::path> images = {"."};
  std::optional<int64_t> limit = std::nullopt;
  int64_t skip = 0;
  std::optional<std::string> split = std::nullopt;
  CsvSeparator separator = CsvSeparator::kAuto;
  std::string image_column = "filepath";
  std::string long_column = "title";
  std::optional<std::string> short_column = std::nullopt;
  /// Not a key: where indexes are kept (data.cache_dir, filled in by whoever reads the config); empty: in memory only.
  std::filesystem::path cache_dir = {};

  bool operator==(const SourceConfig&) const = default;

  template <class Self, class Visitor> static void fields(Self& self, Visitor&& visit) {
    visit(
        "format", self.format,
        {"How the rows are written (docs/data_formats.md). `triples`: JSONL, one `{\"image\": ..., \"long\": ..., "
         "\"short\": ...}` a line; `sharegpt4v`: the published JSON array; `webdataset`: tar shards; `csv`: a table "
         "with named columns; `urban1k`: a folder with `image` and `caption`; `coco`: COCO's captions JSON; `flickr`: "
         "token file, Karpathy's JSON or `captions.jsonl`.",
         "", kRequired});
    visit("path", self.path,
          {"The file that holds the rows, relative to the YAML file. `webdataset`: also a pattern, `{000..123}`, "
           "`{a,b}`, "
           "`*`, `?`, `[...]`; `urban1k`: the folder.",
           "", kRequired});
    visit("images", self.images,
          {"Folder that the image names in the rows are relative to; itself relative to the YAML file. Of several, the "
           "first one that holds the picture counts.",
           "", kOneOrMore});
    visit("limit", self.limit, {"Use only the first N rows; `none`: all of them."});
    visit("skip", self.skip, {"Leave out the first N rows; `limit` counts from there."});
    visit("split", self.split,
          {"Part of the file. `sharegpt4v`: `val` is its first 1000 rows, `train` the others; `flickr`: rows whose "
           "`split` is this word; `none`: everything.",
           "Long-CLIP sharegpt4v.py"});
    visit("separator", self.separator,
          {"`csv`: what stands between fields; `auto`: the one that splits the first line into the wanted columns."});
    visit("image_column", self.image_column, {"`csv`: the column of image names.", "open_clip"});
    visit("long_column", self.long_column, {"`csv`: the column of long captions.", "open_clip"});
    visit("short_column", self.short_column, {"`csv`: the column of short captions; `none`: there is none."});
  }
  void validate(const RejectField& reject) const {
    if (limit && *limit < 1) reject("limit", "must be at least 1");
    if (skip < 0) reject("skip", "must not be negative");
    if (split) validate_split(reject);
    if (format == SourceFormat::kCsv) return;
    const SourceConfig defaults;
    if (separator != defaults.separator) reject("separator", "is for the format csv");
    if (image_column != defaults.image_column) reject("image_column", "is for the format csv");
    if (long_column != defaults.long_column) reject("long_column", "is for the format csv");
    if (short_column) reject("short_column", "is for the format csv");
  }

 private:
  void validate_split(const RejectField& reject) const {
    if (format == SourceFormat::kFlickr) return;
    if (format != SourceFormat::kSharegpt4v)
      reject("split", "is for the formats sharegpt4v and flickr; use skip and limit");
    if (*split != "train" && *split != "val") reject("split", "must be train or val");
  }
};

}  // namespace longclip
