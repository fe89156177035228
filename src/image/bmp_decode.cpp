// image/bmp_decode.cpp -- BMP as Pillow's BmpImagePlugin.py reads it: the same headers, masks and run lengths, and the
// same rule of when a palette is only a ramp of grey. By hand, because OpenCV turns every palette into colours.

#include "image/bmp_decode.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/error.h"
#include "image/byte_reader.h"

namespace longclip {
namespace {

constexpr uint32_t kRaw = 0;
constexpr uint32_t kRle8 = 1;
constexpr uint32_t kRle4 = 2;
constexpr uint32_t kBitFields = 3;

struct Header {
  uint64_t width = 0;
  uint64_t height = 0;
  bool top_down = false;
  uint32_t bits = 0;
  uint32_t compression = kRaw;
  uint64_t colors = 0;
  uint64_t color_bytes = 4;  ///< of an entry of the palette
  uint64_t pixel_offset = 0;
  std::array<uint32_t, 4> masks{};  ///< red, green, blue, alpha

  bool is_rle() const { return compression == kRle8 || compression == kRle4; }
};

struct Layout {
  uint32_t bits;
  std::array<uint32_t, 4> masks;
  std::string_view bytes;  ///< the channel of each byte of a pixel, X is none; empty: 5 or 6 bits a channel
};

/// The bit fields that Pillow knows. The first of a depth is that of files without bit fields.
constexpr Layout kLayouts[] = {
    {32, {0xFF0000, 0xFF00, 0xFF, 0}, "BGRX"},
    {32, {0xFF000000, 0xFF0000, 0xFF00, 0}, "XBGR"},
    {32, {0xFF000000, 0xFF00, 0xFF, 0}, "BGXR"},
    {32, {0xFF000000, 0xFF0000, 0xFF00, 0xFF}, "ABGR"},
    {32, {0xFF, 0xFF00, 0xFF0000, 0xFF000000}, "RGBA"},
    {32, {0xFF0000, 0xFF00, 0xFF, 0xFF000000}, "BGRA"},
    {32, {0xFF000000, 0xFF00, 0xFF, 0xFF0000}, "BGAR"},
    {32, {0, 0, 0, 0}, "BGRA"},
    {24, {0xFF0000, 0xFF00, 0xFF, 0}, "BGR"},
    {16, {0x7C00, 0x3E0, 0x1F, 0}, ""},
    {16, {0xF800, 0x7E0, 0x1F, 0}, ""},
};

/// The fields behind a header's size, for every header but OS/2's first.
void read_info_header(ByteReader& in, uint32_t size, Header& header) {
  const uint64_t start = in.position();
  header.width = in.u32();
  const uint32_t height = in.u32();
  header.top_down = height >> 24 == 0xFF;
  header.height = header.top_down ? (uint64_t{1} << 32) - height : height;
  in.u16();  // planes
  header.bits = in.u16();
  header.compression = in.u32();
  in.bytes(12);  // size of the pixels, resolution
  header.colors = in.u32();
  in.u32();  // important colours
  const size_t num_masks = size >= 56 ? 4 : 3;  // a header of 40 bytes has three masks behind it
  for (size_t i = 0; header.compression == kBitFields && i < num_masks; ++i) header.masks[i] = in.u32();
  if (size > 40) {
    in.seek(start);
    in.bytes(size - 4);
  }
}

Header read_header(ByteReader& in, const std::string& where) {
  in.seek(10);
  Header header;
  header.pixel_offset = in.u32();
  const uint32_t size = in.u32();
  constexpr std::array kSizes = {12U, 40U, 52U, 56U, 64U, 108U, 124U};
  require<DataError>(std::ranges::count(kSizes, size) == 1, "{}: a BMP header of {} bytes is not read", where, size);
  if (size == 12) {
    header.width = in.u16();
    header.height = in.u16();
    in.u16();  // planes
    header.bits = in.u16();
    header.color_bytes = 3;
  } else {
    read_info_header(in, size, header);
  }
  constexpr std::array kDepths = {1U, 4U, 8U, 16U, 24U, 32U};
  require<DataError>(std::ranges::count(kDepths, header.bits) == 1, "{}: BMP files of {} bits a pixel are not read",
                     where, header.bits);
  require<DataError>(header.compression <= kBitFields, "{}: BMP files of compression {} are not read", where,
                     header.compression);
  if (header.colors == 0) header.colors = uint64_t{1} << header.bits;
  if (header.pixel_offset == 14 + size && header.bits <= 8) header.pixel_offset += header.color_bytes * header.colors;
  return header;
}

/// Reads the palette into `picture` and chooses its mode.
PictureMode read_palette(ByteReader& in, const Header& header, const std::string& where,
                         std::array<uint8_t, 768>& palette) {
  require<DataError>(header.colors <= 65536, "{}: broken BMP file: {} colours", where, header.colors);
  const uint64_t complete = std::min(header.colors, in.left() / header.color_bytes);
  const auto entries = in.bytes(complete * header.color_bytes);
  bool is_ramp = complete == header.colors;
  for (uint64_t i = 0; i < complete && is_ramp; ++i) {
    const auto color = entries.subspan(i * header.color_bytes, 3);
    const auto grey = static_cast<uint8_t>(header.colors == 2 ? 255 * i : i);
    is_ramp = std::ranges::count(color, grey) == 3;
  }
  if (is_ramp) return header.colors <= 2 ? PictureMode::kBilevel : PictureMode::kGrey;
  require<DataError>(complete <= 256, "{}: broken BMP file: a palette of {} colours", where, complete);
  for (uint64_t i = 0; i < complete; ++i) {
    for (uint64_t c = 0; c < 3; ++c) palette[3 * i + c] = entries[i * header.color_bytes + 2 - c];
  }
  return PictureMode::kPalette;
}

const Layout& layout_of(const Header& header, const std::string& where) {
  const auto* layout = std::ranges::find_if(kLayouts, [&](const Layout& known) {
    if (known.bits != header.bits) return false;
    if (header.compression != kBitFields) return true;
    const size_t compared = header.bits == 32 ? 4 : 3;
    return std::equal(known.masks.begin(), known.masks.begin() + compared, header.masks.begin());
  });
  require<DataError>(layout != std::end(kLayouts), "{}: BMP files with these bit fields are not read", where);
  return *layout;
}

/// One pixel of 16 bits or whole bytes.
void unpack_pixel(const Layout& layout, const uint8_t* in, uint8_t* out) {
  if (layout.bytes.empty()) {
    const unsigned value = in[0] | static_cast<unsigned>(in[1]) << 8;
    const bool six = layout.masks[0] == 0xF800;  // bits of green
    out[0] = static_cast<uint8_t>((value >> (six ? 11 : 10) & 31) * 255 / 31);
    out[1] = static_cast<uint8_t>(six ? (value >> 5 & 63) * 255 / 63 : (value >> 5 & 31) * 255 / 31);
    out[2] = static_cast<uint8_t>((value & 31) * 255 / 31);
    return;
  }
  constexpr std::string_view kChannels = "RGBA";
  for (size_t i = 0; i < layout.bytes.size(); ++i) {
    const size_t channel = kChannels.find(layout.bytes[i]);
    if (channel != kChannels.npos) out[channel] = in[i];
  }
}

void unpack_row(const Picture& picture, uint32_t bits, const uint8_t* in, uint8_t* out) {
  for (size_t x = 0; x < static_cast<size_t>(picture.width); ++x) {
    const unsigned shift = 8 - bits - static_cast<unsigned>(x * bits % 8);
    const unsigned value = in[x * bits / 8] >> shift & ((1U << bits) - 1);
    out[x] = static_cast<uint8_t>(picture.mode == PictureMode::kBilevel ? 255 * value : value);
  }
}

/// Row y of the file.
uint8_t* row_of(Picture& picture, const Header& header, uint64_t y) {
  const uint64_t row = header.top_down ? y : header.height - 1 - y;
  return picture.bytes.data() + row * header.width * static_cast<uint64_t>(bytes_per_pixel(picture.mode));
}

/// Rows of packed pixels. A grey picture has 1 or 8 bits a pixel whatever its header says, as in Pillow.
void read_rows(ByteReader& in, const Header& header, const Layout* layout, const std::string& where, Picture& picture) {
  const bool indexed = layout == nullptr;
  const uint32_t bits = picture.mode == PictureMode::kBilevel ? 1 : picture.mode == PictureMode::kGrey ? 8 : header.bits;
  const uint64_t stride = (header.width * header.bits + 31) / 32 * 4;
  const uint64_t row_bytes = (header.width * bits + 7) / 8;
  require<DataError>(row_bytes <= stride, "{}: broken BMP file: a grey palette of another depth", where);
  for (uint64_t y = 0; y < header.height; ++y) {
    const auto row = in.bytes(row_bytes);
    uint8_t* out = row_of(picture, header, y);
    if (indexed) {
      unpack_row(picture, bits, row.data(), out);
    } else {
      const auto channels = static_cast<uint64_t>(bytes_per_pixel(picture.mode));
      for (uint64_t x = 0; x < header.width; ++x)
        unpack_pixel(*layout, row.data() + x * header.bits / 8, out + x * channels);
    }
    if (y + 1 < header.height) in.bytes(stride - row_bytes);
  }
}

/// Run lengths. The pixels come row by row into one long line, as in Pillow; what is skipped is 0.
class RunReader {
 public:
  RunReader(ByteReader& in, const Header& header)
      : in_(in), four_bits_(header.compression == kRle4), width_(header.width), total_(header.width * header.height) {}

  /// False where the file or its pixels end too early.
  bool read_all() {
    while (pixels_.size() < total_ && in_.left() >= 2) {
      const uint8_t count = in_.u8();
      const uint8_t value = in_.u8();
      if (count > 0) {
        put_run(count, value);
      } else if (value == 0) {
        put_zeros((width_ - pixels_.size() % width_) % width_);
        x_ = 0;
      } else if (value == 1 || (value == 2 && in_.left() < 2)) {
        break;
      } else if (value == 2) {
        const uint64_t right = in_.u8();
        put_zeros(right + in_.u8() * width_);
        x_ = pixels_.size() % width_;
      } else if (!put_absolute(value)) {
        break;
      }
    }
    return pixels_.size() >= total_;
  }
  const std::vector<uint8_t>& pixels() const { return pixels_; }

 private:
  void put_zeros(uint64_t count) { pixels_.resize(pixels_.size() + std::min(count, total_ - pixels_.size())); }
  void put_run(uint8_t count, uint8_t value) {
    const uint64_t fitting = x_ + count > width_ ? (width_ > x_ ? width_ - x_ : 0) : count;
    for (uint64_t i = 0; i < fitting; ++i)
      pixels_.push_back(four_bits_ ? static_cast<uint8_t>(i % 2 == 0 ? value >> 4 : value & 15) : value);
    x_ += fitting;
  }
  bool put_absolute(uint8_t value) {
    const uint64_t count = std::min<uint64_t>(total_ - pixels_.size(), value);
    const uint64_t wanted = four_bits_ ? (count + 1) / 2 : count;
    const auto bytes = in_.bytes(std::min(wanted, in_.left()));
    for (size_t i = 0; i < bytes.size(); ++i) {
      pixels_.push_back(four_bits_ ? static_cast<uint8_t>(bytes[i] >> 4) : bytes[i]);
      if (four_bits_ && i * 2 + 1 < count) pixels_.push_back(bytes[i] & 15);
    }
    if (bytes.size() < wanted || pixels_.size() >= total_) return false;
    x_ += value;
    if (in_.position() % 2 != 0) in_.seek(in_.position() + 1);
    return true;
  }

  ByteReader& in_;
  bool four_bits_;
  uint64_t width_;
  uint64_t total_;
  uint64_t x_ = 0;
  std::vector<uint8_t> pixels_;
};

void read_runs(ByteReader& in, const Header& header, const std::string& where, Picture& picture) {
  RunReader runs(in, header);
  require<DataError>(runs.read_all(), "{}: the BMP file is truncated", where);
  for (uint64_t y = 0; y < header.height; ++y) {
    const auto row = std::span(runs.pixels()).subspan(y * header.width, header.width);
    std::ranges::transform(row, row_of(picture, header, y), [&](uint8_t value) {
      return picture.mode == PictureMode::kBilevel && value != 0 ? uint8_t{255} : value;
    });
  }
}

}  // namespace

Picture decode_bmp(std::span<const uint8_t> file, const std::string& where, const DecodeOptions& options) {
  ByteReader in(file, where, "BMP");
  const Header header = read_header(in, where);
  require_allowed_size(header.width, header.height, where, options);
  const Layout* layout = nullptr;
  PictureMode mode = PictureMode::kRgb;
  std::array<uint8_t, 768> palette{};
  if (header.bits <= 8) {
    require<DataError>(header.compression != kBitFields, "{}: BMP files with these bit fields are not read", where);
    mode = read_palette(in, header, where, palette);
  } else {
    require<DataError>(!header.is_rle(), "{}: BMP files of {} bits are not read compressed", where, header.bits);
    layout = &layout_of(header, where);
    if (layout->bytes.find('A') != layout->bytes.npos) mode = PictureMode::kRgba;
  }
  if (header.pixel_offset != 0) in.seek(header.pixel_offset);
  const uint64_t stride = (header.width * header.bits + 31) / 32 * 4;
  const bool long_enough = header.is_rle() || stride * (header.height - 1) <= in.left();
  require<DataError>(long_enough, "{}: the BMP file is truncated", where);

  Picture picture = blank_picture("BMP", mode, header.width, header.height);
  picture.palette = palette;
  header.is_rle() ? read_runs(in, header, where, picture) : read_rows(in, header, layout, where, picture);
  return picture;
}

}  // namespace longclip
