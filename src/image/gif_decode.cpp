// image/gif_decode.cpp -- GIF as Pillow's GifImagePlugin.py and GifDecode.c read the first frame. By hand: giflib takes
// broken codes that Pillow refuses, and stops at blocks over which Pillow reads on; both decide which pictures are bad.

#include "image/gif_decode.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "image/byte_reader.h"

namespace longclip {
namespace {

constexpr uint32_t kMaxCodes = 4096;
constexpr uint32_t kMaxCodeBits = 12;

struct Frame {
  uint32_t left = 0;
  uint32_t top = 0;
  uint32_t width = 0;
  uint32_t height = 0;
  bool interlaced = false;
  std::optional<uint8_t> transparent;
  std::span<const uint8_t> palette;  ///< empty: the indices are grey values
};

/// Where the pixels of a frame go, in the order in which they come.
class FrameRows {
 public:
  FrameRows(Picture& picture, const Frame& frame)
      : picture_(picture), frame_(frame), step_(frame.interlaced ? 8 : 1), pass_(frame.interlaced ? 1 : 0) {}

  bool is_full() const { return y_ >= frame_.height; }
  /// REQUIRES: not is_full().
  void put(uint8_t index) {
    const uint64_t row = (uint64_t{frame_.top} + y_) * static_cast<uint64_t>(picture_.width);
    picture_.bytes[row + frame_.left + x_] = index;
    if (++x_ == frame_.width) next_row();
  }

 private:
  void next_row() {
    x_ = 0;
    y_ += step_;
    while (is_full() && pass_ != 0) {  // the passes of an interlaced frame: 0, 8, ..., 4, 12, ..., 2, 6, ..., 1, 3, ...
      y_ = pass_ == 1 ? 4 : pass_ == 2 ? 2 : 1;
      step_ = pass_ == 1 ? 8 : pass_ == 2 ? 4 : 2;
      pass_ = pass_ == 3 ? 0 : pass_ + 1;
    }
  }

  Picture& picture_;
  const Frame& frame_;
  uint32_t x_ = 0;
  uint32_t y_ = 0;
  uint32_t step_;
  int pass_;
};

/// The codes of the image data. A block of length 0 does not end them: Pillow reads on, and so must who gives its pixels.
class CodeReader {
 public:
  explicit CodeReader(ByteReader& in) : in_(in) {}
  uint32_t next(uint32_t bits) {
    while (bit_count_ < bits) {
      if (position_ == block_.size()) {
        block_ = in_.bytes(in_.u8());
        position_ = 0;
        continue;
      }
      buffer_ |= uint32_t{block_[position_++]} << bit_count_;
      bit_count_ += 8;
    }
    const uint32_t code = buffer_ & ((1U << bits) - 1);
    buffer_ >>= bits;
    bit_count_ -= bits;
    return code;
  }

 private:
  ByteReader& in_;
  std::span<const uint8_t> block_;
  size_t position_ = 0;
  uint32_t buffer_ = 0;
  uint32_t bit_count_ = 0;
};

/// LZW strings: the last pixel of each code and the code of what is before it.
class CodeTable {
 public:
  explicit CodeTable(uint32_t bits) : first_bits_(bits), clear_(1U << bits) { reset(); }

  uint32_t code_bits() const { return code_bits_; }
  bool is_clear(uint32_t code) const { return code == clear_; }
  bool is_end(uint32_t code) const { return code == clear_ + 1; }
  void reset() {
    next_ = clear_ + 2;
    code_bits_ = first_bits_ + 1;
    fresh_ = true;
  }
  /// The pixels of `code`, last one first; empty for a code that cannot be.
  std::span<const uint8_t> expand(uint32_t code) {
    size_ = 0;
    if (fresh_) {
      if (code > clear_) return {};
      last_pixel_ = static_cast<uint8_t>(code);
      last_code_ = code;
      fresh_ = false;
      string_[size_++] = last_pixel_;
      return {string_.data(), size_};
    }
    if (code > next_) return {};
    uint32_t part = code;
    if (code == next_) {
      string_[size_++] = last_pixel_;
      part = last_code_;
    }
    for (; part >= clear_; part = prefix_[part]) {
      if (size_ == kMaxCodes || part >= kMaxCodes) return {};
      string_[size_++] = pixel_[part];
    }
    last_pixel_ = static_cast<uint8_t>(part);
    string_[size_++] = last_pixel_;
    learn();
    last_code_ = code;
    return {string_.data(), size_};
  }

 private:
  void learn() {
    if (next_ >= kMaxCodes) return;
    pixel_[next_] = last_pixel_;
    prefix_[next_] = static_cast<uint16_t>(last_code_);
    if (next_ == (1U << code_bits_) - 1 && code_bits_ < kMaxCodeBits) ++code_bits_;
    ++next_;
  }

  uint32_t first_bits_;
  uint32_t clear_;
  uint32_t next_ = 0;
  uint32_t code_bits_ = 0;
  bool fresh_ = true;
  uint8_t last_pixel_ = 0;
  uint32_t last_code_ = 0;
  std::array<uint8_t, kMaxCodes> pixel_{};
  std::array<uint16_t, kMaxCodes> prefix_{};
  std::array<uint8_t, kMaxCodes + 1> string_{};
  size_t size_ = 0;
};

void read_pixels(ByteReader& in, const std::string& where, FrameRows& rows) {
  const uint32_t bits = in.u8();
  require<DataError>(bits <= kMaxCodeBits, "{}: broken GIF file: codes of {} bits", where, bits);
  CodeReader codes(in);
  CodeTable table(bits);
  while (true) {
    const uint32_t code = codes.next(table.code_bits());
    if (table.is_clear(code)) {
      table.reset();
      continue;
    }
    require<DataError>(!table.is_end(code), "{}: the GIF file is truncated", where);
    const auto pixels = table.expand(code);
    require<DataError>(!pixels.empty(), "{}: broken GIF file: a code that cannot be", where);
    for (size_t i = pixels.size(); i > 0; --i) {
      rows.put(pixels[i - 1]);
      if (rows.is_full()) return;
    }
  }
}

/// A sub-block; empty at the end of a chain and at the end of the file.
std::span<const uint8_t> sub_block(ByteReader& in) {
  if (in.left() == 0) return {};
  const uint64_t size = in.u8();
  return in.bytes(std::min(size, in.left()));
}

/// What follows the '!' of an extension. Only the transparent colour counts.
void read_extension(ByteReader& in, const std::string& where, Frame& frame) {
  const uint8_t label = in.u8();
  auto block = sub_block(in);
  if (label == 0xFE) {  // a comment
    while (!block.empty()) block = sub_block(in);
    return;
  }
  if (label == 0xF9 && !block.empty()) {
    require<DataError>(block.size() >= 3, "{}: broken GIF file: a short control extension", where);
    if ((block[0] & 1) != 0) {
      require<DataError>(block.size() >= 4, "{}: broken GIF file: a short control extension", where);
      frame.transparent = block[3];
    }
  }
  const std::string_view name(reinterpret_cast<const char*>(block.data()), block.size());
  if (label == 0xFF && name.starts_with("NETSCAPE2.0")) sub_block(in);
  while (!sub_block(in).empty()) {
  }
}

/// The colours, or nothing where they are a grey ramp.
std::span<const uint8_t> read_palette(ByteReader& in, uint8_t flags) {
  const auto colors = in.bytes(uint64_t{3} << ((flags & 7) + 1));
  for (size_t i = 0; i < colors.size(); ++i) {
    if (colors[i] != i / 3) return colors;
  }
  return {};
}

/// Goes to the first frame. Afterwards `in` is at its image data.
Frame find_frame(ByteReader& in, const std::string& where, std::span<const uint8_t> global_palette) {
  Frame frame;
  while (true) {
    require<DataError>(in.left() > 0, "{}: the GIF file holds no picture", where);
    const uint8_t kind = in.u8();
    require<DataError>(kind != ';', "{}: the GIF file holds no picture", where);
    if (kind == '!') read_extension(in, where, frame);
    if (kind == ',') break;
  }
  frame.left = in.u16();
  frame.top = in.u16();
  frame.width = in.u16();
  frame.height = in.u16();
  const uint8_t flags = in.u8();
  frame.interlaced = (flags & 0x40) != 0;
  frame.palette = (flags & 0x80) != 0 ? read_palette(in, flags) : global_palette;
  require<DataError>(frame.width > 0 && frame.height > 0, "{}: broken GIF file: a frame without pixels", where);
  return frame;
}

}  // namespace

Picture decode_gif(std::span<const uint8_t> file, const std::string& where, const DecodeOptions& options) {
  ByteReader in(file, where, "GIF");
  in.seek(6);  // the signature
  uint32_t width = in.u16();
  uint32_t height = in.u16();
  const uint8_t flags = in.u8();
  in.bytes(2);  // background, aspect ratio
  const auto global_palette = (flags & 0x80) != 0 ? read_palette(in, flags) : std::span<const uint8_t>();
  const Frame frame = find_frame(in, where, global_palette);

  // A frame that is larger than the canvas enlarges it.
  width = std::max(width, frame.left + frame.width);
  height = std::max(height, frame.top + frame.height);
  require_allowed_size(width, height, where, options);
  Picture picture =
      blank_picture("GIF", frame.palette.empty() ? PictureMode::kGrey : PictureMode::kPalette, width, height);
  std::ranges::copy(frame.palette, picture.palette.begin());
  if (frame.transparent) std::ranges::fill(picture.bytes, *frame.transparent);
  FrameRows rows(picture, frame);
  read_pixels(in, where, rows);
  return picture;
}

}  // namespace longclip
