// image/png_decode.cpp -- PNG by libpng, with the modes and the judgement of damage of Pillow's PngImagePlugin.py.
// libpng reports errors by longjmp. The functions that call setjmp therefore own nothing: see PngDecoder.

#include "image/png_decode.h"

#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cctype>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "base/error.h"

namespace longclip {
namespace {

constexpr size_t kSignatureBytes = 8;

uint32_t big_endian32(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | uint32_t{bytes[3]};
}

bool is_chunk_name(std::string_view name) {
  return std::ranges::all_of(name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; });
}

/// The judgement that libpng makes otherwise than Pillow. Until the pixel data, every chunk must be whole with a right
/// checksum, metadata too. After its start, checksums do not count and the file may end between two chunks, not in one.
void check_chunks(std::span<const uint8_t> file, const std::string& where) {
  bool pixels_began = false;
  size_t position = kSignatureBytes;
  while (true) {
    if (file.size() - position < 8) {
      require<DataError>(pixels_began, "{}: the PNG file is truncated", where);
      return;
    }
    const uint8_t* chunk = file.data() + position;
    const uint32_t length = big_endian32(chunk);
    const std::string_view name(reinterpret_cast<const char*>(chunk) + 4, 4);
    if (!is_chunk_name(name)) {
      require<DataError>(pixels_began, "{}: broken PNG file: a chunk without a name at byte {}", where, position);
      return;
    }
    if (name == "IEND") {
      require<DataError>(pixels_began, "{}: the PNG file holds no pixels", where);
      return;
    }
    pixels_began = pixels_began || name == "IDAT";
    const size_t rest = file.size() - position - 8;
    require<DataError>(length <= rest && length <= PNG_UINT_31_MAX, "{}: the PNG file is truncated", where);
    if (!pixels_began) {
      const bool right = rest - length >= 4 && crc32(0, chunk + 4, length + 4) == big_endian32(chunk + 8 + length);
      require<DataError>(right, "{}: broken PNG file: wrong checksum of chunk {}", where, name);
    }
    position += std::min(size_t{length} + 12, file.size() - position);
  }
}

/// The libpng state. Its methods are the only places with setjmp; they hold no object with a destructor.
class PngDecoder {
 public:
  explicit PngDecoder(std::span<const uint8_t> file)
      : file_(file), png_(png_create_read_struct(PNG_LIBPNG_VER_STRING, this, leave_with_error, ignore_warning)) {
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
    if (info_ == nullptr) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      fail<std::runtime_error>("libpng could not be started: out of memory, or another version than compiled with");
    }
  }
  ~PngDecoder() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngDecoder(const PngDecoder&) = delete;
  PngDecoder& operator=(const PngDecoder&) = delete;

  /// False: broken, see message(). Afterwards the rows will come as `mode()` wants them.
  bool read_header();
  /// `pixels`: height rows of row_bytes().
  bool read_pixels(uint8_t* pixels);

  uint32_t width() const { return png_get_image_width(png_, info_); }
  uint32_t height() const { return png_get_image_height(png_, info_); }
  size_t row_bytes() const { return png_get_rowbytes(png_, info_); }
  PictureMode mode() const { return mode_; }
  void copy_palette(std::array<uint8_t, 768>& palette) const;
  const char* message() const { return message_; }

 private:
  static void leave_with_error(png_structp png, png_const_charp message);
  static void ignore_warning(png_structp, png_const_charp) {}
  static void read_bytes(png_structp png, png_bytep out, size_t count);
  void choose_mode();

  std::span<const uint8_t> file_;
  size_t position_ = 0;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  PictureMode mode_ = PictureMode::kRgb;
  int num_passes_ = 1;
  char message_[256] = "";
};

void PngDecoder::leave_with_error(png_structp png, png_const_charp message) {
  auto* decoder = static_cast<PngDecoder*>(png_get_error_ptr(png));
  std::snprintf(decoder->message_, sizeof(decoder->message_), "%s", message);
  png_longjmp(png, 1);
}

void PngDecoder::read_bytes(png_structp png, png_bytep out, size_t count) {
  auto* decoder = static_cast<PngDecoder*>(png_get_io_ptr(png));
  if (count > decoder->file_.size() - decoder->position_) png_error(png, "the file is truncated");
  std::memcpy(out, decoder->file_.data() + decoder->position_, count);
  decoder->position_ += count;
}

/// Asks libpng for the pixels of Pillow's mode: table _MODES of PngImagePlugin.py.
void PngDecoder::choose_mode() {
  const int depth = png_get_bit_depth(png_, info_);
  const int color = png_get_color_type(png_, info_);
  if (color == PNG_COLOR_TYPE_GRAY) {
    mode_ = depth == 1 ? PictureMode::kBilevel : depth == 16 ? PictureMode::kGrey16 : PictureMode::kGrey;
    if (depth < 8) png_set_expand_gray_1_2_4_to_8(png_);
    if (depth == 16 && std::endian::native == std::endian::little) png_set_swap(png_);
    return;
  }
  if (depth == 16) png_set_strip_16(png_);
  if (color == PNG_COLOR_TYPE_PALETTE) {
    mode_ = PictureMode::kPalette;
    png_set_packing(png_);
  } else if (color == PNG_COLOR_TYPE_RGB) {
    mode_ = PictureMode::kRgb;
  } else if (color == PNG_COLOR_TYPE_GRAY_ALPHA && depth == 8) {
    mode_ = PictureMode::kGreyAlpha;
  } else {  // also 16-bit grey with alpha, for which Pillow has no mode of its own
    mode_ = PictureMode::kRgba;
    if (color == PNG_COLOR_TYPE_GRAY_ALPHA) png_set_gray_to_rgb(png_);
  }
}

bool PngDecoder::read_header() {
  if (setjmp(png_jmpbuf(png_)) != 0) return false;
  png_set_read_fn(png_, this, read_bytes);
  png_set_crc_action(png_, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);          // check_chunks() has judged
  png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);  // metadata is not even decompressed
  png_set_option(png_, PNG_MAXIMUM_INFLATE_WINDOW, PNG_OPTION_ON);  // as Pillow: old encoders declare it too small
  png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);      // the limit of pixels is decode_png()'s
  png_read_info(png_, info_);
  choose_mode();
  num_passes_ = png_set_interlace_handling(png_);
  png_read_update_info(png_, info_);
  return true;
}

bool PngDecoder::read_pixels(uint8_t* pixels) {
  if (setjmp(png_jmpbuf(png_)) != 0) return false;
  const size_t stride = row_bytes();
  const uint32_t rows = height();
  for (int pass = 0; pass < num_passes_; ++pass) {
    for (uint32_t y = 0; y < rows; ++y) png_read_row(png_, pixels + y * stride, nullptr);
  }
  return true;
}

void PngDecoder::copy_palette(std::array<uint8_t, 768>& palette) const {
  png_colorp colors = nullptr;
  int count = 0;
  if (png_get_PLTE(png_, info_, &colors, &count) == 0) return;
  for (size_t i = 0; i < std::min<size_t>(static_cast<size_t>(count), 256); ++i) {
    palette[3 * i] = colors[i].red;
    palette[3 * i + 1] = colors[i].green;
    palette[3 * i + 2] = colors[i].blue;
  }
}

}  // namespace

Picture decode_png(std::span<const uint8_t> file, const std::string& where, const DecodeOptions& options) {
  check_chunks(file, where);
  PngDecoder decoder(file);
  require<DataError>(decoder.read_header(), "{}: broken PNG file: {}", where, decoder.message());
  require_allowed_size(decoder.width(), decoder.height(), where, options);
  Picture picture = blank_picture("PNG", decoder.mode(), decoder.width(), decoder.height());
  require<DataError>(decoder.row_bytes() * decoder.height() == picture.bytes.size(),
                     "{}: a PNG file of an unknown layout", where);
  require<DataError>(decoder.read_pixels(picture.bytes.data()), "{}: broken PNG file: {}", where, decoder.message());
  decoder.copy_palette(picture.palette);
  return picture;
}

}  // namespace longclip
