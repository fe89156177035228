#pragma once
// data/formats/triples_source.h -- JSONL, one pair a line: {"image": path, "long": str or [str...], "short": ...}.
// The file is mapped, 8 bytes a row are kept in memory, and a row is parsed when it is asked for.

#include <string_view>

#include "base/file.h"
#include "data/formats/pair_source.h"

namespace longclip {

/// Lines are strict JSON (no NaN, no trailing comma, no duplicate key, UTF-8); half a surrogate pair becomes U+FFFD.
/// "long": text, or a list of texts or of objects with "caption"; at least one, none of them blank. "short" likewise,
/// but it may be absent, null or an empty list: not given. Other keys are ignored. Blank lines are not rows, but count
/// as lines; a byte-order mark, CRLF and a missing final newline are fine. "image" is relative to `images` and taken as
/// it is: no change of separators or of Unicode form.
class TriplesSource : public PairSource {
 public:
  explicit TriplesSource(const SourceConfig& config);
  int64_t rows() const override { return static_cast<int64_t>(starts_.size()); }
  PairRow row(int64_t index) const override;
  std::filesystem::path picture_file(const PairRow& row) const override;
  std::string read_picture(const PairRow& row) const override;
  const std::vector<int64_t>& bad_rows() const override { return bad_rows_; }
  const std::string& fingerprint() const override { return fingerprint_; }
  const std::string& name() const override { return name_; }

 private:
  struct Gap {
    int64_t row;          ///< this row and those after it ...
    int64_t blank_lines;  ///< ... stand after so many blank lines
  };
  void find_rows(int64_t limit);
  void judge_rows();
  std::vector<int64_t> bad_rows_between(int64_t first, int64_t last) const;
  std::string_view text_of(int64_t index) const;
  int64_t line_of(int64_t index) const;

  std::string name_;
  std::filesystem::path images_;
  MappedFile file_;
  std::vector<uint64_t> starts_;  // [row] offset of its line in the file
  std::vector<Gap> gaps_;         // ascending; only where blank lines stand before a row
  std::vector<int64_t> bad_rows_;
  std::string fingerprint_;
};

}  // namespace longclip
