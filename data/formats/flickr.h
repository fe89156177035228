#pragma once
// data/formats/flickr.h -- Flickr8k and Flickr30k as they go round: token file, Karpathy's JSON, captions.jsonl.

#include <filesystem>

#include "data/formats/triples.h"

namespace longclip {

/// Told apart by the ending of the file's name (before .gz):
///   .jsonl   a line {"image": path, "captions": [text...], "split": "test"}
///   .json    {"images": [{"filename": name, "sentences": [{"raw": text}...], "split": "test"}...]}, as Karpathy's
///            dataset_flickr30k.json; a "filepath" is the folder of the file
///   others   lines NAME#NUMBER<tab>CAPTION, as results_20130124.token; a row is a name, in the order of its first line,
///            which is also the row's line
/// As there is one kind of caption, they are the row's long and its short ones. A blank one is left out where others are
/// there, and counted in a warning.
class Flickr : public RowFormat {
 public:
  /// `split`: keep rows of this one only; "": all. Throws InputError for a token file, which has none.
  Flickr(const std::filesystem::path& file, std::string split);
  void scan(std::string_view file, RowSink& rows) const override;
  void parse(std::string_view bytes, PairRow& row) const override;
  std::string parameters() const override;

 private:
  enum class Kind { kLines, kKarpathy, kTokens };
  void scan_tokens(std::string_view text, RowSink& rows) const;
  void add_if_in_split(std::string_view bytes, int64_t line, RowSink& rows) const;

  Kind kind_;
  std::string split_;
  Triples triples_{BlankCaptions::kLeaveOut};  // the rows of a token file are composed as such
};

}  // namespace longclip
