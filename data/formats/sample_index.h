#pragma once
// data/formats/sample_index.h -- where the rows of one data file are: made in one pass, mapped into memory afterwards.
// Layout, in the byte order of the machine: header (see sample_index.cpp), offset u64 [row], hash u64 [row], bad rows
// {row, heap offset, kind u64, bytes of image, of reason u32}, length u32 [row], line u32 [row], key, heap.

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "data/formats/row_format.h"

namespace longclip {

/// What an index is for: any difference means that it has to be made again.
struct IndexKey {
  std::string text;  ///< path of the data file and RowFormat::parameters()
  FileIdentity file;
  bool operator==(const IndexKey&) const = default;
};

/// Collects the rows of one pass.
class IndexBuilder : public RowSink {
 public:
  /// `file` is what the rows that add() takes are parts of; both must outlive the builder.
  IndexBuilder(const RowFormat& format, std::string_view file) : format_(format), file_(file) {}
  void add(std::string_view bytes, int64_t line) override;
  void add_composed(std::string bytes, int64_t line) override;
  void add_bad(const BadRow& row) override;
  void warn(const std::string& text) override { warnings_.push_back(text); }
  /// What the format warned of, and that captions were left out.
  std::vector<std::string> warnings() const;
  /// The index as bytes, ready to be written to a file.
  std::string finish(const IndexKey& key) const;

 private:
  struct Bad {
    uint64_t row;
    BadKind kind;
    std::string image, reason;
  };
  void judge(std::string_view bytes, uint64_t offset, int64_t line);
  void append(uint64_t offset, size_t length, int64_t line, uint64_t hash);

  const RowFormat& format_;
  std::string_view file_;
  std::vector<uint64_t> offsets_, hashes_;  // [row]
  std::vector<uint32_t> lengths_, lines_;   // [row]
  std::vector<Bad> bad_;                    // ascending
  std::string heap_;
  std::vector<std::string> warnings_;
  int64_t blank_captions_ = 0;
};

/// What SampleIndex says of an index whose key is another one.
inline constexpr std::string_view kOtherFile = "is of another file";

/// Thread-safety: immutable.
class SampleIndex {
 public:
  /// Reads an index, checking its sum and every offset in it. Throws DataError with the reason alone if it is damaged,
  /// of another version, or for another key. `file_bytes`: size of the data that it points into.
  SampleIndex(std::unique_ptr<MappedFile> mapped, const IndexKey& key, size_t file_bytes);
  /// The same from memory.
  SampleIndex(std::string bytes, const IndexKey& key, size_t file_bytes);

  int64_t rows() const { return static_cast<int64_t>(offsets_.size()); }
  /// The bytes of a row, of which `file` is the data file (or of the index itself, for a composed row).
  std::string_view bytes_of(int64_t row, std::string_view file) const;
  int64_t line_of(int64_t row) const { return lines_[static_cast<size_t>(row)]; }
  /// hash_of() of the parsed row when the index was made.
  uint64_t hash_of_row(int64_t row) const { return hashes_[static_cast<size_t>(row)]; }
  /// Bad rows, ascending.
  std::vector<int64_t> bad_rows() const;
  /// The `number`-th bad row, with image, reason and kind; source and line are left to the caller.
  BadRow bad_row(size_t number) const;
  /// hash_of_row() of some rows, to be hashed again.
  std::span<const uint64_t> hashes(int64_t first, int64_t count) const;

 private:
  struct BadEntry {
    uint64_t row, heap_offset, kind;
    uint32_t image_bytes, reason_bytes;
  };
  void read(const IndexKey& key, size_t file_bytes);
  std::span<const uint8_t> bytes() const;

  std::unique_ptr<MappedFile> mapped_;  // either this ...
  std::string memory_;                  // ... or this holds the bytes that the spans point into
  std::span<const uint64_t> offsets_, hashes_;
  std::span<const BadEntry> bad_;
  std::span<const uint32_t> lengths_, lines_;
  std::string_view heap_;
};

/// A hash of what a row says: its names, its captions and the size of a packed picture.
uint64_t hash_of(const PairRow& row);

}  // namespace longclip
