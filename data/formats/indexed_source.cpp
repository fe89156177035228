// data/formats/indexed_source.cpp -- see data/formats/indexed_source.h
#include "data/formats/indexed_source.h"

#include <algorithm>

#include "base/digest.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

std::string to_text(const fs::path& file, const FileIdentity& identity) {
  return fmt::format("{}\n{} {} {}", file.string(), identity.bytes, identity.modified_ns, identity.inode);
}

}  // namespace

IndexedSource::IndexedSource(Contents contents) : contents_(std::move(contents)) {
  first_rows_ = {0};
  for (const SourcePart& part : contents_.parts) first_rows_.push_back(first_rows_.back() + part.index.rows());
  const int64_t total = first_rows_.back();
  require<DataError>(total > 0, "{}: has no rows", contents_.name);
  const RowRange& range = contents_.range;
  require<DataError>(range.first < total, "{}: has {} rows; nothing is left behind the first {} (skip, split)",
                     contents_.name, total, range.first);
  count_ = std::min(range.count, total - range.first);
  list_bad_rows();
  fingerprint_ = make_fingerprint();
}

void IndexedSource::list_bad_rows() {
  for (size_t i = 0; i < contents_.parts.size(); ++i) {
    bad_of_part_.push_back(contents_.parts[i].index.bad_rows());
    for (const int64_t row : bad_of_part_.back()) {
      const int64_t shown = first_rows_[i] + row - contents_.range.first;
      if (shown >= 0 && shown < count_) bad_rows_.push_back(shown);
    }
  }
}

std::string IndexedSource::make_fingerprint() const {
  Sha256 sha;
  const int64_t first = contents_.range.first;
  for (size_t i = 0; i < contents_.parts.size(); ++i) {
    const int64_t from = std::max(first, first_rows_[i]), to = std::min(first + count_, first_rows_[i + 1]);
    if (from >= to) continue;
    const auto hashes = contents_.parts[i].index.hashes(from - first_rows_[i], to - from);
    sha.update(std::span(reinterpret_cast<const uint8_t*>(hashes.data()), hashes.size_bytes()));
  }
  return sha.hex();
}

IndexedSource::Place IndexedSource::place_of(int64_t index) const {
  require<std::out_of_range>(index >= 0 && index < count_, "row {} of {}", index, count_);
  const int64_t row = index + contents_.range.first;
  const auto after = std::upper_bound(first_rows_.begin(), first_rows_.end(), row);
  const auto part = static_cast<size_t>(after - first_rows_.begin()) - 1;
  return {contents_.parts[part], row - first_rows_[part]};
}

PairRow IndexedSource::row(int64_t index) const {
  const auto [part, row_of_part] = place_of(index);
  const auto& bad = bad_of_part_[static_cast<size_t>(&part - contents_.parts.data())];
  const auto found = std::lower_bound(bad.begin(), bad.end(), row_of_part);
  if (found != bad.end() && *found == row_of_part) {
    BadRow row = part.index.bad_row(static_cast<size_t>(found - bad.begin()));
    row.source = part.name;
    row.line = part.index.line_of(row_of_part);
    throw BadRowError(std::move(row));
  }
  PairRow row;
  row.source = part.name;
  row.line = part.index.line_of(row_of_part);
  bool is_same = false;
  try {
    contents_.format->parse(part.index.bytes_of(row_of_part, part.file ? part.file->text() : ""), row);
    is_same = hash_of(row) == part.index.hash_of_row(row_of_part);
  } catch (const DataError&) {  // it was good when the index was made
  }
  require<std::runtime_error>(is_same, "{}:{}: the file was changed while it is being used", part.name, row.line);
  return row;
}

fs::path IndexedSource::picture_file(const PairRow& row) const {
  if (!row.packed_picture.empty()) return fs::path(row.source) / row.image;
  const auto& folders = contents_.image_folders;
  if (folders.size() > 1) {
    for (const fs::path& folder : folders) {
      std::error_code ignored;
      if (fs::exists(folder / row.image, ignored)) return folder / row.image;
    }
  }
  return folders.front() / row.image;
}

std::string IndexedSource::picture_identity(int64_t index, const PairRow& row) const {
  if (row.packed_picture.empty()) {
    const fs::path file = picture_file(row);
    try {
      return to_text(file, identity_of(file));
    } catch (const DataError&) {  // not there, or no longer: asked in one call, so that it cannot go in between
      return "";
    }
  }
  const SourcePart& part = place_of(index).part;
  const auto offset = row.packed_picture.data() - part.file->bytes().data();
  return fmt::format("{} {} {}", to_text(part.name, part.file->identity()), offset, row.packed_picture.size());
}

std::string IndexedSource::read_picture(const PairRow& row) const {
  if (!row.packed_picture.empty()) return {row.packed_picture.begin(), row.packed_picture.end()};
  try {
    return read_picture_file(picture_file(row));
  } catch (const DataError& error) {
    throw BadRowError({row.source, row.line, row.image, error.what(), kind_of(error)});
  }
}

}  // namespace longclip
