#pragma once
// data/formats/row_format.h -- what one file format has to know: where the rows of a file are, and what one row says.
// Formats work on bytes alone, so that they can be tried on any; files, caches and pictures are the business of others.

#include <string>
#include <string_view>

#include "data/formats/pair_source.h"

namespace longclip {

/// No row of text is this long; a longer one is a file without line breaks.
inline constexpr size_t kMaxRowBytes = size_t{16} << 20;

/// Takes the rows of one file in their order.
class RowSink {
 public:
  virtual ~RowSink() = default;
  /// A row: a part of the file that is being scanned. It is parsed, and counted as bad if that fails.
  virtual void add(std::string_view bytes, int64_t line) = 0;
  /// A row that was put together from several places of the file: its bytes are kept in the index.
  virtual void add_composed(std::string bytes, int64_t line) = 0;
  /// A row that is known to be bad. Its source is left empty, its image may be.
  virtual void add_bad(const BadRow& row) = 0;
  /// Something about the file as a whole that is read otherwise than its user may think.
  virtual void warn(const std::string& text) = 0;
};

/// Thread-safety: parse() may be called from several threads at once.
class RowFormat {
 public:
  virtual ~RowFormat() = default;
  /// Reads what parse() needs of the file as a whole, such as the names of columns. Called once, before the others.
  virtual void open(std::string_view /*file*/) {}
  /// One pass over the file. Throws DataError with the reason alone if it is broken as a whole.
  virtual void scan(std::string_view file, RowSink& rows) const = 0;
  /// Fills image, captions and packed_picture of `row` from the bytes of one row; the image as soon as it is known.
  /// Throws DataError with the reason alone if the row cannot be used.
  virtual void parse(std::string_view bytes, PairRow& row) const = 0;
  /// Everything that scan() and parse() depend on besides the file, and the format's name: an index is for one of these.
  virtual std::string parameters() const = 0;
};

}  // namespace longclip
