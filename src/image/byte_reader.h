#pragma once
// image/byte_reader.h -- numbers and bytes of a picture file, one after another; the end of the file is an error.
// For the formats whose headers are read here: BMP, GIF and TIFF.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace longclip {

enum class ByteOrder { kLittle, kBig };

/// Every read throws DataError "WHERE: the FORMAT file is truncated" where the file ends before it does.
class ByteReader {
 public:
  ByteReader(std::span<const uint8_t> file, std::string where, std::string_view format)
      : file_(file), where_(std::move(where)), format_(format) {}

  void set_order(ByteOrder order) { order_ = order; }
  void seek(uint64_t position) { position_ = position; }
  uint64_t position() const { return position_; }
  uint64_t left() const { return position_ < file_.size() ? file_.size() - position_ : 0; }

  std::span<const uint8_t> bytes(uint64_t count) {
    require<DataError>(count <= left(), "{}: the {} file is truncated", where_, format_);
    const auto found = file_.subspan(position_, count);
    position_ += count;
    return found;
  }
  uint8_t u8() { return bytes(1)[0]; }
  uint16_t u16() { return static_cast<uint16_t>(number(2)); }
  uint32_t u32() { return static_cast<uint32_t>(number(4)); }
  uint64_t u64() { return number(8); }
  /// An unsigned number of 1 to 8 bytes.
  uint64_t number(uint64_t count) {
    const auto read = bytes(count);
    uint64_t value = 0;
    for (size_t i = 0; i < count; ++i) value = value << 8 | read[order_ == ByteOrder::kBig ? i : count - 1 - i];
    return value;
  }

 private:
  std::span<const uint8_t> file_;
  std::string where_;
  std::string_view format_;
  ByteOrder order_ = ByteOrder::kLittle;
  uint64_t position_ = 0;
};

}  // namespace longclip
