// data/formats/tar_reader.cpp -- POSIX.1-2001 (pax), its predecessor ustar, and GNU tar's extensions.
#include "data/formats/tar_reader.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace longclip {
namespace {

constexpr size_t kBlock = 512;
constexpr size_t kMaxExtension = size_t{1} << 20;  ///< bytes of a pax header or a long name

std::string_view field(std::string_view block, size_t at, size_t size) { return block.substr(at, size); }

std::string_view until_nul(std::string_view text) { return text.substr(0, text.find('\0')); }

/// Octal with blanks and NULs around it, or big-endian binary behind a byte 0x80.
uint64_t number_of(std::string_view text, size_t place) {
  uint64_t value = 0;
  if (static_cast<unsigned char>(text[0]) == 0x80) {
    for (const char c : text.substr(1)) {
      require<DataError>(value >> 56 == 0, "the header at byte {} holds a size beyond 64 bits", place);
      value = value << 8 | static_cast<unsigned char>(c);
    }
    return value;
  }
  text = text.substr(std::min(text.find_first_not_of(' '), text.size()));
  text = text.substr(0, text.find_first_of(std::string_view(" \0", 2)));
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
  require<DataError>((text.empty() || error == std::errc()) && end == text.data() + text.size(),
                     "the header at byte {} holds '{}' instead of a number", place, text);
  return value;
}

/// The sum of all bytes, those of the checksum itself counted as blanks; old programs summed signed bytes.
bool has_right_checksum(std::string_view block, size_t place) {
  uint64_t sum = 0;
  int64_t signed_sum = 0;
  for (size_t i = 0; i < block.size(); ++i) {
    const char c = i >= 148 && i < 156 ? ' ' : block[i];
    sum += static_cast<unsigned char>(c);
    signed_sum += static_cast<signed char>(c);
  }
  const uint64_t wanted = number_of(field(block, 148, 8), place);
  return wanted == sum || static_cast<int64_t>(wanted) == signed_sum;
}

std::string name_in(std::string_view block) {
  const std::string name(until_nul(field(block, 0, 100)));
  const std::string_view prefix = until_nul(field(block, 345, 155));
  const bool has_prefix = field(block, 257, 6) == std::string_view("ustar\0", 6) && !prefix.empty();
  return has_prefix ? std::string(prefix) + "/" + name : name;  // GNU's "ustar " has other things there
}

}  // namespace

std::string_view TarReader::take_block() {
  require<DataError>(bytes_.size() - at_ >= kBlock, "the archive is cut off at byte {}, inside of a header",
                     bytes_.size());
  const std::string_view block = bytes_.substr(at_, kBlock);
  at_ += kBlock;
  return block;
}

std::string_view TarReader::take_data(uint64_t size) {
  const size_t left = bytes_.size() - at_;
  // The second half cannot overflow where the first one holds.
  require<DataError>(size <= left && (size + kBlock - 1) / kBlock * kBlock <= left,
                     "the archive is cut off: the data at byte {} have {} bytes and their padding, {} are left", at_,
                     size, left);
  const std::string_view data = bytes_.substr(at_, size);
  at_ += (size + kBlock - 1) / kBlock * kBlock;
  return data;
}

/// Records "LENGTH KEY=VALUE\n" of a pax header, or the long name of GNU tar.
void TarReader::read_extension(char type, std::string_view data, TarMember& member) {
  if (type == 'L') member.name = until_nul(data);
  while (type == 'x' && !until_nul(data).empty()) {
    size_t length = 0;
    const auto [end, error] = std::from_chars(data.data(), data.data() + data.size(), length);
    const auto digits = static_cast<size_t>(end - data.data());
    const bool fits = error == std::errc() && length <= data.size() && length > digits + 2 && data[length - 1] == '\n';
    require<DataError>(fits, "the pax header at byte {} is damaged", member.start);
    const std::string_view record = data.substr(digits + 1, length - digits - 2);
    const std::string_view value = record.substr(std::min(record.find('='), record.size() - 1) + 1);
    if (record.starts_with("path=")) member.name = value;
    if (record.starts_with("size=")) {
      has_size_ = true;
      const auto [stop, fault] = std::from_chars(value.data(), value.data() + value.size(), size_);
      require<DataError>(fault == std::errc() && stop == value.data() + value.size(),
                         "the pax header at byte {} has the size '{}'", member.start, value);
    }
    require<DataError>(!record.starts_with("GNU.sparse."), "the member at byte {} is sparse, which is not read",
                       member.start);
    data.remove_prefix(length);
  }
}

bool TarReader::next(TarMember& member) {
  member = {};
  member.start = at_;
  has_size_ = false;
  for (;;) {
    if (at_ == bytes_.size() && at_ == member.start) return false;
    const size_t place = at_;
    const std::string_view block = take_block();
    if (block.find_first_not_of('\0') == std::string_view::npos) {
      require<DataError>(place == member.start, "the archive is cut off at byte {}", place);
      end_ = place;
      at_ = bytes_.size();
      return false;
    }
    require<DataError>(has_right_checksum(block, place), "the header at byte {} is damaged: its checksum is wrong",
                       place);
    const char type = block[156];
    const uint64_t size = has_size_ ? size_ : number_of(field(block, 124, 12), place);
    if (type == 'x' || type == 'L' || type == 'K' || type == 'g') {
      require<DataError>(size <= kMaxExtension, "the extended header at byte {} has {} bytes", place, size);
      read_extension(type, take_data(size), member);
      continue;
    }
    require<DataError>(type != 'S', "the member at byte {} is sparse, which is not read", place);
    if (member.name.empty()) member.name = name_in(block);
    member.is_file = (type == '0' || type == '\0' || type == '7') && !member.name.ends_with('/');
    const bool has_data = type == '\0' || type < '1' || type > '6';  // links, devices and folders have none
    const std::string_view data = has_data ? take_data(size) : std::string_view();
    if (member.is_file) member.data = data;
    member.end = at_;
    return true;
  }
}

}  // namespace longclip
