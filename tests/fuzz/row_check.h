#pragma once
// fuzz/row_check.h -- what holds for the rows that a format finds in any file: bytes of the file, in its order, and each
// gives a picture and captions or is refused.

#include <cstdlib>

#include "base/error.h"
#include "data/formats/row_format.h"

namespace longclip {

class RowCheck : public RowSink {
 public:
  RowCheck(const RowFormat& format, std::string_view file) : format_(format), file_(file), at_(file.data()) {}

  void add(std::string_view bytes, int64_t line) override {
    check(bytes.data() >= at_ && bytes.data() + bytes.size() <= file_.data() + file_.size() && line > last_line_);
    at_ = bytes.data() + bytes.size();
    last_line_ = line;
    PairRow row;
    try {
      format_.parse(bytes, row);
    } catch (const DataError&) {
      return;  // counted as bad
    }
    check(!row.image.empty() && row.long_captions.size() == 1 && !row.long_captions[0].empty());
  }
  void add_composed(std::string, int64_t) override { std::abort(); }  // of formats with several files
  void add_bad(const BadRow& row) override { check(!row.reason.empty()); }
  void warn(const std::string& text) override { check(!text.empty()); }

 private:
  static void check(bool condition) {
    if (!condition) std::abort();
  }

  const RowFormat& format_;
  std::string_view file_;
  const char* at_;
  int64_t last_line_ = 0;
};

/// Throws nothing: a file that is broken as a whole is refused.
inline void check_rows(RowFormat& format, std::string_view file) {
  try {
    format.open(file);
    RowCheck rows(format, file);
    format.scan(file, rows);
  } catch (const DataError&) {
    // Refused: the other good end.
  }
}

}  // namespace longclip
