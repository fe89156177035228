// tensors/zip_archive.cpp -- end record, central directory, local headers; every offset is checked before use.
#include "tensors/zip_archive.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "base/error.h"

namespace longclip {
namespace {

constexpr uint32_t kEndRecord = 0x06054b50;
constexpr uint32_t kEndRecord64 = 0x06064b50;
constexpr uint32_t kEndLocator64 = 0x07064b50;
constexpr uint32_t kCentralHeader = 0x02014b50;
constexpr uint32_t kLocalHeader = 0x04034b50;
constexpr uint64_t kEndRecordSize = 22;
constexpr uint64_t kEndLocatorSize = 20;
constexpr uint64_t kCentralHeaderSize = 46;
constexpr uint64_t kLocalHeaderSize = 30;
constexpr uint64_t kLongestComment = 0xffff;
constexpr uint16_t kZip64Field = 1;
constexpr uint32_t kIn64 = 0xffffffff;  // "the value is in the zip64 field"

using CrcTables = std::array<std::array<uint32_t, 256>, 8>;

/// Tables for eight bytes a step ("slicing by 8").
CrcTables make_crc_tables() {
  CrcTables tables{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xEDB88320u : 0u);
    tables[0][i] = value;
  }
  for (size_t t = 1; t < 8; ++t) {
    for (size_t i = 0; i < 256; ++i) tables[t][i] = (tables[t - 1][i] >> 8) ^ tables[0][tables[t - 1][i] & 0xff];
  }
  return tables;
}

}  // namespace

uint32_t crc32(std::span<const uint8_t> bytes) {
  static const CrcTables kTables = make_crc_tables();
  uint32_t crc = 0xffffffff;
  for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
    uint32_t low = 0;
    std::memcpy(&low, bytes.data(), 4);
    low ^= crc;
    crc = kTables[7][low & 0xff] ^ kTables[6][(low >> 8) & 0xff] ^ kTables[5][(low >> 16) & 0xff] ^
          kTables[4][low >> 24] ^ kTables[3][bytes[4]] ^ kTables[2][bytes[5]] ^ kTables[1][bytes[6]] ^
          kTables[0][bytes[7]];
  }
  for (const uint8_t byte : bytes) crc = (crc >> 8) ^ kTables[0][(crc ^ byte) & 0xff];
  return ~crc;
}

ZipArchive::ZipArchive(const std::filesystem::path& path) : path_(path.string()), file_(path) {
  const Directory directory = find_directory();
  uint64_t offset = directory.start;
  for (uint64_t i = 0; i < directory.count; ++i) offset = add_record(offset, directory.start);
  check_overlap(directory.start);
}

template <class T> T ZipArchive::number(uint64_t offset) const {
  require<DataError>(offset <= file_size() && file_size() - offset >= sizeof(T),
                     "{}: the zip directory points outside the file", path_);
  T value{};
  std::memcpy(&value, file_.bytes().data() + offset, sizeof(T));
  return value;
}

std::string_view ZipArchive::text(uint64_t offset, uint64_t length) const {
  require<DataError>(offset <= file_size() && file_size() - offset >= length,
                     "{}: the zip directory points outside the file", path_);
  return {reinterpret_cast<const char*>(file_.bytes().data()) + offset, length};
}

ZipArchive::Directory ZipArchive::find_directory() const {
  uint64_t end = file_size() < kEndRecordSize ? 0 : file_size() - kEndRecordSize;
  const uint64_t lowest = end > kLongestComment ? end - kLongestComment : 0;
  while (end > lowest && number<uint32_t>(end) != kEndRecord) --end;
  require<DataError>(file_size() >= kEndRecordSize && number<uint32_t>(end) == kEndRecord,
                     "{}: the zip directory at the end is missing; the file was cut off, download or copy it again",
                     path_);
  uint64_t size = number<uint32_t>(end + 12);
  Directory directory{.start = number<uint32_t>(end + 16), .count = number<uint16_t>(end + 10), .end = end};
  if (directory.count == 0xffff || directory.start == kIn64 || size == kIn64) {
    require<DataError>(end >= kEndLocatorSize && number<uint32_t>(end - kEndLocatorSize) == kEndLocator64,
                       "{}: the zip64 directory is missing", path_);
    directory.end = number<uint64_t>(end - kEndLocatorSize + 8);
    require<DataError>(number<uint32_t>(directory.end) == kEndRecord64, "{}: the zip64 directory is broken", path_);
    directory.count = number<uint64_t>(directory.end + 32);
    size = number<uint64_t>(directory.end + 40);
    directory.start = number<uint64_t>(directory.end + 48);
  }
  require<DataError>(directory.start <= directory.end && size <= directory.end - directory.start &&
                         directory.count <= size / kCentralHeaderSize,
                     "{}: the zip directory is broken", path_);
  return directory;
}

uint64_t ZipArchive::add_record(uint64_t offset, uint64_t directory_start) {
  require<DataError>(number<uint32_t>(offset) == kCentralHeader, "{}: the zip directory is broken", path_);
  const uint64_t name_length = number<uint16_t>(offset + 28);
  const uint64_t extra_length = number<uint16_t>(offset + 30);
  const std::string name(text(offset + kCentralHeaderSize, name_length));
  uint64_t stored = number<uint32_t>(offset + 20);
  Record record{.header = number<uint32_t>(offset + 42),
                .data = 0,
                .size = number<uint32_t>(offset + 24),
                .crc = number<uint32_t>(offset + 16),
                .compressed = false};
  uint64_t extra = offset + kCentralHeaderSize + name_length;
  const uint64_t extra_end = extra + extra_length;
  while (extra + 4 <= extra_end) {
    const uint64_t length = number<uint16_t>(extra + 2);
    uint64_t field = extra + 4;
    if (number<uint16_t>(extra) == kZip64Field) {
      for (uint64_t* value : {&record.size, &stored, &record.header}) {
        if (*value != kIn64) continue;
        *value = number<uint64_t>(field);
        field += 8;
      }
    }
    extra += 4 + length;
  }
  require<DataError>((number<uint16_t>(offset + 8) & 1) == 0, "{}: record '{}' is encrypted", path_, name);
  record.compressed = number<uint16_t>(offset + 10) != 0 || stored != record.size;
  record.size = stored;  // what lies in the file; a compressed record is never unpacked
  require<DataError>(number<uint32_t>(record.header) == kLocalHeader &&
                         text(record.header + kLocalHeaderSize, number<uint16_t>(record.header + 26)) == name,
                     "{}: the header of record '{}' is broken", path_, name);
  record.data =
      record.header + kLocalHeaderSize + number<uint16_t>(record.header + 26) + number<uint16_t>(record.header + 28);
  require<DataError>(record.data <= directory_start && record.size <= directory_start - record.data,
                     "{}: record '{}' leaves the file", path_, name);
  require<DataError>(records_.emplace(name, record).second, "{}: two records are named '{}'", path_, name);
  return offset + kCentralHeaderSize + name_length + extra_length + number<uint16_t>(offset + 32);
}

void ZipArchive::check_overlap(uint64_t directory_start) const {
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  for (const auto& [name, record] : records_) ranges.emplace_back(record.header, record.data + record.size);
  ranges.emplace_back(directory_start, directory_start);
  std::sort(ranges.begin(), ranges.end());
  for (size_t i = 1; i < ranges.size(); ++i) {
    require<DataError>(ranges[i - 1].second <= ranges[i].first, "{}: zip records overlap", path_);
  }
}

std::span<const uint8_t> ZipArchive::read(const std::string& name) const {
  const auto found = records_.find(name);
  require<DataError>(found != records_.end(), "{}: record '{}' is missing", path_, name);
  const Record& record = found->second;
  require<DataError>(!record.compressed, "{}: record '{}' is compressed, which PyTorch never does with tensors; load and save it again in Python",
                     path_, name);
  const auto bytes = file_.bytes().subspan(record.data, record.size);
  require<DataError>(record.crc == 0 || crc32(bytes) == record.crc,
                     "{}: record '{}' is damaged (wrong checksum); download or copy the file again", path_, name);
  return bytes;
}

std::string ZipArchive::root() const {
  constexpr std::string_view kPickle = "/data.pkl";
  for (const auto& [name, record] : records_) {
    if (name.find('/') + kPickle.size() == name.size() && name.ends_with(kPickle))
      return name.substr(0, name.find('/'));
  }
  fail<DataError>("{}: a zip file without data.pkl; neither torch.save nor TorchScript wrote it", path_);
}

}  // namespace longclip
