#pragma once
// data/formats/indexed_source.h -- the one PairSource: mapped data files, an index each, and a format that reads a row.

#include "base/file.h"
#include "data/formats/sample_index.h"

namespace longclip {

/// One data file of a source. `file` is null where all rows are composed ones.
struct SourcePart {
  std::string name;
  std::unique_ptr<MappedFile> file;
  SampleIndex index;
};

/// Which rows of all parts together a source shows.
struct RowRange {
  int64_t first = 0;
  int64_t count = INT64_MAX;  ///< or as many as there are
};

class IndexedSource : public PairSource {
 public:
  struct Contents {
    std::string name;
    std::unique_ptr<RowFormat> format;
    std::vector<SourcePart> parts;
    std::vector<std::filesystem::path> image_folders;  ///< at least one
    RowRange range;
  };
  /// Throws DataError if no row is left.
  explicit IndexedSource(Contents contents);
  int64_t rows() const override { return count_; }
  PairRow row(int64_t index) const override;
  std::filesystem::path picture_file(const PairRow& row) const override;
  std::string read_picture(const PairRow& row) const override;
  std::string picture_identity(int64_t index, const PairRow& row) const override;
  int64_t first_row() const override { return contents_.range.first; }
  const std::vector<int64_t>& bad_rows() const override { return bad_rows_; }
  const std::string& fingerprint() const override { return fingerprint_; }
  const std::string& name() const override { return contents_.name; }

 private:
  struct Place {
    const SourcePart& part;
    int64_t row;
  };
  Place place_of(int64_t index) const;
  void list_bad_rows();
  std::string make_fingerprint() const;

  Contents contents_;
  std::vector<int64_t> first_rows_;  // [part] the parts' rows before it, and all of them at the end
  int64_t count_ = 0;
  std::vector<int64_t> bad_rows_;
  std::vector<std::vector<int64_t>> bad_of_part_;  // [part] rows of the part
  std::string fingerprint_;
};

}  // namespace longclip
