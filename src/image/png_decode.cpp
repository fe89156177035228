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
#include "image/png_text.h"

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
/// The frames of an APNG must be numbered without gaps up to the second one.
class ChunkCheck {
 public:
  ChunkCheck(std::span<const uint8_t> file, const std::string& where, bool load_truncated)
      : file_(file), where_(where), load_truncated_(load_truncated), text_(where, load_truncated) {}

  /// The bytes that are there of the file's last chunk of pixels, if it is cut (only with load_truncated); else 0.
  /// Its length stands at cut_at().
  uint32_t run() {
    for (size_t position = kSignatureBytes; true;) {
      if (const size_t left = file_.size() - position; left < 8) {
        // Of a whole length Pillow then wants to skip the chunk, and cannot unless it is empty, as the end chunk is.
        const bool has_length = load_truncated_ && left >= 4 && big_endian32(file_.data() + position) > 0;
        require<DataError>(pixels_began_ && !has_length, "{}: the PNG file is truncated", where_);
        return 0;
      }
      const uint8_t* chunk = file_.data() + position;
      const uint32_t length = big_endian32(chunk);
      const std::string_view name(reinterpret_cast<const char*>(chunk) + 4, 4);
      if (is_last(name, position)) return 0;
      if (name == "IDAT" && !pixels_began_) next_frame_at_pixels_ = next_frame_;
      pixels_began_ = pixels_began_ || name == "IDAT";
      const size_t rest = file_.size() - position - 8;
      if (load_truncated_ && name == "IDAT" && length > rest) {
        cut_at_ = position;
        return static_cast<uint32_t>(rest);
      }
      const size_t needed = size_t{length} + (name == "IDAT" && !load_truncated_ ? 4 : 0);  // and the checksum
      require<DataError>(needed <= rest && length <= PNG_UINT_31_MAX, "{}: the PNG file is truncated", where_);
      if (!pixels_began_) check_sum(chunk, length, rest);
      check_content(name, {chunk + 8, length});
      position += std::min(size_t{length} + 12, file_.size() - position);
    }
  }
  size_t cut_at() const { return cut_at_; }

 private:
  bool is_last(std::string_view name, size_t position) {
    const bool is_animated = num_frames_ > (next_frame_at_pixels_ == 0 ? 0 : 1);
    if (is_chunk_name(name) && name != "IEND") return pixels_began_ && is_animated && name == "fcTL";
    require<DataError>(pixels_began_ || name == "IEND", "{}: broken PNG file: a chunk without a name at byte {}", where_,
                       position);
    require<DataError>(pixels_began_, "{}: the PNG file holds no pixels", where_);
    return true;
  }
  void check_sum(const uint8_t* chunk, uint32_t length, size_t rest) const {
    const bool is_ancillary = (chunk[4] & 0x20) != 0;
    if (load_truncated_ && is_ancillary) return;
    const bool right = rest - length >= 4 && crc32(0, chunk + 4, length + 4) == big_endian32(chunk + 8 + length);
    require<DataError>(right, "{}: broken PNG file: wrong checksum of chunk {}", where_,
                       std::string_view(reinterpret_cast<const char*>(chunk) + 4, 4));
  }
  /// What Pillow refuses of metadata that has nothing to do with the pixels.
  void check_content(std::string_view name, std::span<const uint8_t> data) {
    struct Minimum {
      std::string_view name;
      size_t bytes;
    };
    constexpr Minimum kMinima[] = {{"IHDR", 13}, {"gAMA", 4}, {"cHRM", 32}, {"sRGB", 1},
                                   {"pHYs", 9},  {"acTL", 8}, {"fcTL", 26}, {"fdAT", 4}};
    for (const auto& [kind, bytes] : kMinima) {
      require<DataError>(name != kind || data.size() >= bytes, "{}: broken PNG file: chunk {} of {} bytes", where_, name,
                         data.size());
    }
    text_.see(name, data);
    if (name == "IHDR" && !pixels_began_) header_ = data;
    if (name == "tRNS") check_transparency(data.size());
    if (name == "acTL" && !pixels_began_) {
      const uint32_t count = big_endian32(data.data());
      num_frames_ = num_frames_ == 0 && count <= 0x80000000U ? count : 0;
    }
    if (name != "fcTL" && name != "fdAT") return;
    const bool follows = big_endian32(data.data()) == next_frame_ && (name == "fcTL" || next_frame_ > 0);
    require<DataError>(follows, "{}: broken PNG file: its animation misses a frame", where_);
    ++next_frame_;
    const bool is_whole = name != "fcTL" || pixels_began_ || header_.size() < 8 ||
                          (std::ranges::equal(data.subspan(4, 8), header_.first(8)) &&
                           std::ranges::count(data.subspan(12, 8), 0) == 8);
    require<DataError>(is_whole, "{}: broken PNG file: the first frame of its animation is not the whole picture", where_);
  }

  /// One transparent colour, of grey or of RGB.
  void check_transparency(size_t bytes) const {
    const int color = header_.size() > 9 ? header_[9] : PNG_COLOR_TYPE_PALETTE;
    const size_t wanted = color == PNG_COLOR_TYPE_GRAY ? 2 : color == PNG_COLOR_TYPE_RGB ? 6 : 0;
    require<DataError>(bytes >= wanted || load_truncated_, "{}: broken PNG file: chunk tRNS of {} bytes", where_, bytes);
  }

  std::span<const uint8_t> file_;
  const std::string& where_;
  bool load_truncated_;
  PngTextCheck text_;
  bool pixels_began_ = false;
  uint32_t num_frames_ = 0;
  uint32_t next_frame_ = 0;  ///< the number that the next piece of the animation must have
  uint32_t next_frame_at_pixels_ = 0;
  std::span<const uint8_t> header_;
  size_t cut_at_ = 0;
};

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

  /// False: broken, see message(). Takes no memory for the pixels yet.
  bool read_header();
  /// REQUIRES: read_header(). Afterwards the rows will come as `mode()` wants them. Takes memory for two rows.
  bool prepare_rows();
  /// `pixels`: height rows of row_bytes().
  bool read_pixels(uint8_t* pixels);

  uint32_t width() const { return png_get_image_width(png_, info_); }
  uint32_t height() const { return png_get_image_height(png_, info_); }
  size_t row_bytes() const { return png_get_rowbytes(png_, info_); }
  PictureMode mode() const { return mode_; }
  void copy_palette(std::array<uint8_t, 768>& palette) const;
  const char* message() const { return message_; }

 private:
  /// Why libpng was left by longjmp.
  enum Reason { kError = 1, kAllRows = 2 };

  static void leave_with_error(png_structp png, png_const_charp message);
  static void ignore_warning(png_structp, png_const_charp) {}
  static void read_bytes(png_structp png, png_bytep out, size_t count);
  void choose_mode();
  bool has_all_rows() const;

  std::span<const uint8_t> file_;
  size_t position_ = 0;
  bool is_reading_rows_ = false;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  PictureMode mode_ = PictureMode::kRgb;
  int num_passes_ = 1;
  char message_[256] = "";
};

void PngDecoder::leave_with_error(png_structp png, png_const_charp message) {
  auto* decoder = static_cast<PngDecoder*>(png_get_error_ptr(png));
  std::snprintf(decoder->message_, sizeof(decoder->message_), "%s", message);
  png_longjmp(png, kError);
}

void PngDecoder::read_bytes(png_structp png, png_bytep out, size_t count) {
  auto* decoder = static_cast<PngDecoder*>(png_get_io_ptr(png));
  // Behind the last row libpng would inflate all that is left, which may be gigabytes. Pillow does not look at it either.
  if (decoder->has_all_rows()) png_longjmp(png, kAllRows);
  if (count > decoder->file_.size() - decoder->position_) png_error(png, "the file is truncated");
  std::memcpy(out, decoder->file_.data() + decoder->position_, count);
  decoder->position_ += count;
}

bool PngDecoder::has_all_rows() const {
  const bool interlaced = png_get_interlace_type(png_, info_) != PNG_INTERLACE_NONE;
  return is_reading_rows_ && (interlaced ? png_get_current_pass_number(png_) >= PNG_INTERLACE_ADAM7_PASSES
                                         : png_get_current_row_number(png_) >= height());
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
  png_set_crc_action(png_, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);          // ChunkCheck has judged
  png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);  // metadata is not even decompressed
  png_set_option(png_, PNG_MAXIMUM_INFLATE_WINDOW, PNG_OPTION_ON);  // as Pillow: old encoders declare it too small
  png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);      // the limit of pixels is decode_png()'s
  png_read_info(png_, info_);
  return true;
}

bool PngDecoder::prepare_rows() {
  if (setjmp(png_jmpbuf(png_)) != 0) return false;
  choose_mode();
  num_passes_ = png_set_interlace_handling(png_);
  png_read_update_info(png_, info_);
  return true;
}

bool PngDecoder::read_pixels(uint8_t* pixels) {
  switch (setjmp(png_jmpbuf(png_))) {
    case 0: break;
    case kAllRows: return true;
    default: return false;
  }
  is_reading_rows_ = true;
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
  ChunkCheck chunks(file, where, options.load_truncated);
  std::vector<uint8_t> mended;
  if (const uint32_t length = chunks.run(); length > 0) {  // what is there of a cut chunk of pixels becomes a whole one
    mended.assign(file.begin(), file.end());
    for (size_t i = 0; i < 4; ++i) mended[chunks.cut_at() + i] = static_cast<uint8_t>(length >> (24 - 8 * i));
    mended.insert(mended.end(), 4, 0);  // a checksum, which nobody looks at
    file = mended;
  }
  PngDecoder decoder(file);
  require<DataError>(decoder.read_header(), "{}: broken PNG file: {}", where, decoder.message());
  require_allowed_size(decoder.width(), decoder.height(), where, options);
  require<DataError>(decoder.prepare_rows(), "{}: broken PNG file: {}", where, decoder.message());
  Picture picture = blank_picture("PNG", decoder.mode(), decoder.width(), decoder.height());
  require<DataError>(decoder.row_bytes() * decoder.height() == picture.bytes.size(),
                     "{}: a PNG file of an unknown layout", where);
  const bool complete = decoder.read_pixels(picture.bytes.data());
  require<DataError>(complete || options.load_truncated, "{}: broken PNG file: {}", where, decoder.message());
  decoder.copy_palette(picture.palette);
  return picture;
}

}  // namespace longclip
