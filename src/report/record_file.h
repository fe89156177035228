#pragma once
// report/record_file.h -- the record framing of TensorFlow's TFRecord files, which TensorBoard event files use.
// A record is: length (8 bytes), masked CRC of those, data, masked CRC of the data (4 bytes each), all little-endian.
// Source: tensorflow/core/lib/io/record_writer.h; CRC-32C is Castagnoli's (RFC 3720, appendix B.4).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace longclip {

/// CRC-32C of `bytes`: crc32c("123456789") == 0xE3069283.
uint32_t crc32c(std::string_view bytes);
/// The CRC as TFRecord stores it: rotated and offset, so that data which holds CRCs does not weaken it.
uint32_t masked_crc32c(std::string_view bytes);

/// One framed record.
std::string frame_record(std::string_view data);

/// Reads the records of a file held in memory, one after another.
class RecordReader {
 public:
  explicit RecordReader(std::string_view file) : file_(file) {}
  /// The next record's data (a view into the file), or nothing at the end and at the first record that is cut or
  /// damaged.
  std::optional<std::string_view> next();
  /// Bytes of the records read so far, with their framing. Less than the file where it is damaged.
  size_t offset() const { return offset_; }

 private:
  std::string_view file_;
  size_t offset_ = 0;
};

}  // namespace longclip
