#pragma once
// data/formats/pair_source.h -- rows of (picture, long captions, short captions), whatever file format holds them.
// build_source() (data/formats/build_source.cpp) is the only place that knows the list of formats.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/source_config.h"

namespace longclip {

/// One usable row. Captions are as in the file: not cleaned, line breaks kept.
struct PairRow {
  std::string source;                       ///< the data file that the row stands in
  std::string image;                        ///< the picture's name as the row gives it
  std::vector<std::string> long_captions;   ///< at least one
  std::vector<std::string> short_captions;  ///< may be empty: not given
  int64_t blank_captions = 0;               ///< left out, as others are there
  int64_t line = 0;                         ///< line of the file, or number of the row where rows are not lines; from 1
  /// The encoded picture inside the mapped data file, valid as long as the source; empty where it is a file of its own.
  std::span<const uint8_t> packed_picture = {};
};

/// What of a row is bad.
enum class BadKind { kRow, kCaption, kMissing, kBroken };
template <> struct EnumNames<BadKind> {
  static constexpr std::array kNames{
      std::pair{BadKind::kRow, "row"},          ///< its line: malformed, or something else than a row
      std::pair{BadKind::kCaption, "caption"},  ///< its captions: none, blank, not UTF-8
      std::pair{BadKind::kMissing, "missing"},  ///< its picture is not there
      std::pair{BadKind::kBroken, "broken"}};   ///< its picture cannot be decoded
};

/// Thrown while a row or its picture is read, with the reason alone; other DataErrors are of BadKind::kRow.
struct CaptionError : DataError {
  using DataError::DataError;
};
struct MissingPicture : DataError {
  using DataError::DataError;
};
struct BrokenPicture : DataError {
  using DataError::DataError;
};
BadKind kind_of(const DataError& error);

/// A row that cannot be used, as bad_samples.jsonl lists it.
struct BadRow {
  std::string source;  ///< the data file
  int64_t line = 0;    ///< as PairRow::line
  std::string image;   ///< empty where the row does not tell
  std::string reason;
  BadKind kind = BadKind::kRow;
  bool operator==(const BadRow&) const = default;
};

/// {"source", "line", "image", "kind", "reason"}: a line of bad_samples.jsonl and of reports.
Json to_json(const BadRow& row);

/// Thrown for one bad row; what() is "SOURCE:LINE: REASON".
struct BadRowError : DataError {
  explicit BadRowError(BadRow bad);
  BadRow row;
};

/// An opened data file. Every row was judged when it was opened; pictures are judged when they are read.
/// Thread-safety: all members may be called from several threads at once.
class PairSource {
 public:
  virtual ~PairSource() = default;
  virtual int64_t rows() const = 0;
  /// Row `index` in [0, rows()). Throws BadRowError if it is one of bad_rows().
  virtual PairRow row(int64_t index) const = 0;
  /// Where the picture of a row lies; for a packed one the name of its archive and its name in there, which is no file.
  virtual std::filesystem::path picture_file(const PairRow& row) const = 0;
  /// The encoded picture. Throws BadRowError if there is none.
  virtual std::string read_picture(const PairRow& row) const = 0;
  /// Text that is another one as soon as the file of a row's picture is: its path, size, time of change, inode and the place in
  /// it. `index` is that of the row. Empty where there is no file.
  virtual std::string picture_identity(int64_t index, const PairRow& row) const = 0;
  /// How many rows of the files stand before row 0 (skip, split).
  virtual int64_t first_row() const = 0;
  /// Rows that cannot be used, whatever their picture is; ascending.
  virtual const std::vector<int64_t>& bad_rows() const = 0;
  /// SHA-256 of what the rows say (names and captions, not the pictures), in their order.
  virtual const std::string& fingerprint() const = 0;
  /// The data file as the config names it.
  virtual const std::string& name() const = 0;
};

/// Opens a source: from its index in config.cache_dir, or after one pass over the file, which writes the index.
/// Throws DataError if the file is missing, holds no row or is broken as a whole.
std::unique_ptr<PairSource> build_source(const SourceConfig& config);

/// The bytes of a picture file. Throws MissingPicture or BrokenPicture, whose message is the reason alone ("no such file",
/// "not a regular file").
std::string read_picture_file(const std::filesystem::path& file);

}  // namespace longclip
