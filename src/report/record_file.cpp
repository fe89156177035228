// report/record_file.cpp -- see report/record_file.h
#include "report/record_file.h"

#include <array>

namespace longclip {
namespace {

constexpr size_t kLengthBytes = 8;
constexpr size_t kCrcBytes = 4;

constexpr std::array<uint32_t, 256> make_crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78U : 0U);  // polynomial, reflected
    table[byte] = crc;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kCrcTable = make_crc_table();

template <class Integer> void append_little_endian(std::string& out, Integer value) {
  for (size_t i = 0; i < sizeof(Integer); ++i) out.push_back(static_cast<char>((value >> (8 * i)) & 0xFF));
}

template <class Integer> Integer read_little_endian(std::string_view bytes) {
  Integer value = 0;
  for (size_t i = 0; i < sizeof(Integer); ++i) {
    value |= static_cast<Integer>(static_cast<Integer>(static_cast<uint8_t>(bytes[i])) << (8 * i));
  }
  return value;
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = 0xFFFFFFFFU;
  for (const char byte : bytes) crc = (crc >> 8) ^ kCrcTable[(crc ^ static_cast<uint8_t>(byte)) & 0xFF];
  return ~crc;
}

uint32_t masked_crc32c(std::string_view bytes) {
  const uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xA282EAD8U;
}

std::string frame_record(std::string_view data) {
  std::string record;
  append_little_endian<uint64_t>(record, data.size());
  append_little_endian(record, masked_crc32c(record));
  record.append(data);
  append_little_endian(record, masked_crc32c(data));
  return record;
}

std::optional<std::string_view> RecordReader::next() {
  const std::string_view rest = file_.substr(offset_);
  constexpr size_t kFraming = kLengthBytes + kCrcBytes + kCrcBytes;
  if (rest.size() < kFraming) return std::nullopt;
  const std::string_view length_bytes = rest.substr(0, kLengthBytes);
  const auto length = read_little_endian<uint64_t>(length_bytes);
  if (read_little_endian<uint32_t>(rest.substr(kLengthBytes)) != masked_crc32c(length_bytes)) return std::nullopt;
  if (length > rest.size() - kFraming) return std::nullopt;
  const std::string_view data = rest.substr(kLengthBytes + kCrcBytes, length);
  if (read_little_endian<uint32_t>(rest.substr(kLengthBytes + kCrcBytes + length)) != masked_crc32c(data))
    return std::nullopt;
  offset_ += kFraming + length;
  return data;
}

}  // namespace longclip
