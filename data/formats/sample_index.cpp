// data/formats/sample_index.cpp -- writing and checking the bytes of an index.
#include "data/formats/sample_index.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "base/digest.h"
#include "base/signals.h"

namespace longclip {
namespace {

constexpr std::string_view kMagic("LCIDX\0\2\0", 8);  // its last but one byte is the version
static_assert(sizeof(uint64_t) == 8 && sizeof(size_t) == 8);

/// Set in the offset of a row whose bytes are in the heap of the index.
constexpr uint64_t kInHeap = uint64_t{1} << 63;

struct Header {
  char magic[8];
  uint64_t checksum;  ///< CRC-32 of all that follows it
  FileIdentity file;
  uint64_t rows, bad_rows, key_bytes, heap_bytes;
};
constexpr size_t kCheckedFrom = offsetof(Header, file);

uint64_t crc_of(std::span<const uint8_t> bytes) { return crc32_z(crc32_z(0, nullptr, 0), bytes.data(), bytes.size()); }

template <class T> void append_all(std::string& out, std::span<const T> values) {
  out.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

/// Takes arrays off the front of the bytes; the sum of their sizes was checked before.
template <class T> std::span<const T> take(std::span<const uint8_t>& bytes, uint64_t count) {
  const std::span<const T> values(reinterpret_cast<const T*>(bytes.data()), static_cast<size_t>(count));
  bytes = bytes.subspan(values.size_bytes());
  return values;
}

std::string_view as_text(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

uint64_t hash_of(const PairRow& row) {
  std::string all = row.image;
  const auto append = [&all](const std::string& text, char mark) {
    all += '\0';
    all += mark;
    all += text;
  };
  for (const std::string& caption : row.long_captions) append(caption, 'L');
  for (const std::string& caption : row.short_captions) append(caption, 'S');
  if (!row.packed_picture.empty()) append(std::to_string(row.packed_picture.size()), 'P');
  return sha256_prefix(all);
}

void IndexBuilder::add(std::string_view bytes, int64_t line) {
  judge(bytes, static_cast<uint64_t>(bytes.data() - file_.data()), line);
}

void IndexBuilder::add_composed(std::string bytes, int64_t line) {
  judge(bytes, heap_.size() | kInHeap, line);
  heap_ += bytes;
}

void IndexBuilder::add_bad(const BadRow& row) {
  bad_.push_back({offsets_.size(), row.kind, row.image, row.reason});
  append(0, 0, row.line, sha256_prefix(row.image + '\0' + row.reason));
}

void IndexBuilder::judge(std::string_view bytes, uint64_t offset, int64_t line) {
  if (offsets_.size() % 256 == 0) throw_if_stop_requested();
  if (bytes.size() > UINT32_MAX) return add_bad({"", line, "", fmt::format("the row has {} bytes", bytes.size())});
  PairRow row;
  try {
    format_.parse(bytes, row);
  } catch (const DataError& error) {
    return add_bad({"", line, row.image, error.what(), kind_of(error)});
  }
  blank_captions_ += row.blank_captions;
  append(offset, bytes.size(), line, hash_of(row));
}

std::vector<std::string> IndexBuilder::warnings() const {
  std::vector<std::string> all = warnings_;
  if (blank_captions_ > 0)
    all.push_back(fmt::format("{} blank captions are left out; their pictures have others", blank_captions_));
  return all;
}

void IndexBuilder::append(uint64_t offset, size_t length, int64_t line, uint64_t hash) {
  require<DataError>(line <= UINT32_MAX, "has more than {} lines", UINT32_MAX);
  offsets_.push_back(offset);
  hashes_.push_back(hash);
  lengths_.push_back(static_cast<uint32_t>(length));
  lines_.push_back(static_cast<uint32_t>(line));
}

std::string IndexBuilder::finish(const IndexKey& key) const {
  std::string reasons;
  std::string bad_entries;
  for (const Bad& bad : bad_) {
    const uint64_t places[] = {bad.row, heap_.size() + reasons.size(), static_cast<uint64_t>(bad.kind)};
    const uint32_t sizes[] = {static_cast<uint32_t>(bad.image.size()), static_cast<uint32_t>(bad.reason.size())};
    append_all<uint64_t>(bad_entries, places);
    append_all<uint32_t>(bad_entries, sizes);
    reasons += bad.image + bad.reason;
  }
  Header header{.magic = {},
                .checksum = 0,
                .file = key.file,
                .rows = offsets_.size(),
                .bad_rows = bad_.size(),
                .key_bytes = key.text.size(),
                .heap_bytes = heap_.size() + reasons.size()};
  std::copy(kMagic.begin(), kMagic.end(), header.magic);
  std::string out;
  out.reserve(sizeof header + offsets_.size() * 24 + bad_entries.size() + key.text.size() + header.heap_bytes);
  out.append(reinterpret_cast<const char*>(&header), sizeof header);
  append_all<uint64_t>(out, offsets_);
  append_all<uint64_t>(out, hashes_);
  out += bad_entries;
  append_all<uint32_t>(out, lengths_);
  append_all<uint32_t>(out, lines_);
  out += key.text;
  out += heap_;
  out += reasons;
  header.checksum = crc_of({reinterpret_cast<const uint8_t*>(out.data()) + kCheckedFrom, out.size() - kCheckedFrom});
  std::memcpy(out.data(), &header, sizeof header);
  return out;
}

SampleIndex::SampleIndex(std::unique_ptr<MappedFile> mapped, const IndexKey& key, size_t file_bytes)
    : mapped_(std::move(mapped)) {
  read(key, file_bytes);
}

SampleIndex::SampleIndex(std::string bytes, const IndexKey& key, size_t file_bytes) : memory_(std::move(bytes)) {
  read(key, file_bytes);
}

std::span<const uint8_t> SampleIndex::bytes() const {
  if (mapped_) return mapped_->bytes();
  return {reinterpret_cast<const uint8_t*>(memory_.data()), memory_.size()};
}

void SampleIndex::read(const IndexKey& key, size_t file_bytes) {
  std::span<const uint8_t> left = bytes();
  Header header;
  require<DataError>(left.size() >= sizeof header, "is too short");
  std::memcpy(&header, left.data(), sizeof header);
  require<DataError>(std::string_view(header.magic, sizeof header.magic) == kMagic, "is no index of this version");
  require<DataError>(crc_of(left.subspan(kCheckedFrom)) == header.checksum, "its checksum is wrong");
  left = left.subspan(sizeof header);
  // Each count is bounded by the size alone first, so that the sum cannot overflow.
  const bool plausible = header.rows <= left.size() / 24 && header.bad_rows <= left.size() / sizeof(BadEntry) &&
                         header.key_bytes <= left.size() && header.heap_bytes <= left.size();
  require<DataError>(
      plausible &&
          header.rows * 24 + header.bad_rows * sizeof(BadEntry) + header.key_bytes + header.heap_bytes == left.size(),
      "its sizes do not fit together");
  offsets_ = take<uint64_t>(left, header.rows);
  hashes_ = take<uint64_t>(left, header.rows);
  bad_ = take<BadEntry>(left, header.bad_rows);
  lengths_ = take<uint32_t>(left, header.rows);
  lines_ = take<uint32_t>(left, header.rows);
  const std::string_view key_text = as_text(take<uint8_t>(left, header.key_bytes));
  heap_ = as_text(left);
  require<DataError>(header.file == key.file && key_text == key.text, "{}", kOtherFile);
  for (size_t row = 0; row < offsets_.size(); ++row) {
    const uint64_t offset = offsets_[row] & ~kInHeap;
    const size_t end = (offsets_[row] & kInHeap) != 0 ? heap_.size() : file_bytes;
    require<DataError>(offset <= end && lengths_[row] <= end - offset, "row {} lies outside of the data", row);
  }
  for (const BadEntry& bad : bad_) {
    const uint64_t size = uint64_t{bad.image_bytes} + bad.reason_bytes;
    require<DataError>(bad.row < header.rows && bad.kind <= static_cast<uint64_t>(BadKind::kBroken) &&
                           bad.heap_offset <= heap_.size() && size <= heap_.size() - bad.heap_offset,
                       "a reason lies outside of it");
  }
}

std::string_view SampleIndex::bytes_of(int64_t row, std::string_view file) const {
  const uint64_t offset = offsets_[static_cast<size_t>(row)];
  const std::string_view from = (offset & kInHeap) != 0 ? heap_ : file;
  return from.substr(offset & ~kInHeap, lengths_[static_cast<size_t>(row)]);
}

std::vector<int64_t> SampleIndex::bad_rows() const {
  std::vector<int64_t> rows;
  for (const BadEntry& bad : bad_) rows.push_back(static_cast<int64_t>(bad.row));
  return rows;
}

BadRow SampleIndex::bad_row(size_t number) const {
  const BadEntry& bad = bad_[number];
  return {.source = "",
          .line = 0,
          .image = std::string(heap_.substr(bad.heap_offset, bad.image_bytes)),
          .reason = std::string(heap_.substr(bad.heap_offset + bad.image_bytes, bad.reason_bytes)),
          .kind = static_cast<BadKind>(bad.kind)};
}

std::span<const uint64_t> SampleIndex::hashes(int64_t first, int64_t count) const {
  return hashes_.subspan(static_cast<size_t>(first), static_cast<size_t>(count));
}

}  // namespace longclip
