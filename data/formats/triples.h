#pragma once
// data/formats/triples.h -- JSONL, one pair a line: {"image": path, "long": str or [str...], "short": ...}.

#include "data/formats/row_format.h"

namespace longclip {

/// What becomes of a blank caption in a list that holds others.
enum class BlankCaptions { kRefuse, kLeaveOut };

/// Lines are strict JSON (no NaN, no trailing comma, no duplicate key, UTF-8); half a surrogate pair becomes U+FFFD.
/// "long": text, or a list of texts or of objects with "caption"; at least one, none of them blank. "short" likewise,
/// but it may be absent, null or an empty list: not given. Other keys are ignored. Blank lines are not rows, but count
/// as lines; a byte-order mark, CRLF and a missing final newline are fine. "image" is taken as it is: no change of
/// separators or of Unicode form.
class Triples : public RowFormat {
 public:
  /// kLeaveOut is for the rows that other formats compose.
  explicit Triples(BlankCaptions blank = BlankCaptions::kRefuse) : blank_(blank) {}
  void scan(std::string_view file, RowSink& rows) const override;
  void parse(std::string_view bytes, PairRow& row) const override;
  std::string parameters() const override { return "triples"; }

 private:
  BlankCaptions blank_;
};

/// A row of pictures with captions as a line that Triples reads.
std::string compose_triple(const std::string& image, const std::vector<std::string>& long_captions,
                           const std::vector<std::string>& short_captions);

}  // namespace longclip
