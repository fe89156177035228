// image/tiff_file.cpp -- libtiff on a file in memory, one strip or tile after the other. What they may take is bounded, so
// that a small file cannot make libtiff take much more memory than the picture itself. Source: Pillow 13, TiffDecode.c.

#include "image/tiff_file.h"

#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "base/error.h"
#include "image/inflate.h"

namespace longclip {

namespace {

/// Largest strip or tile, and largest piece of memory that libtiff may take at once.
constexpr tmsize_t kMaxAllocation = 256 << 20;

/// All tiles together may have this many times the bytes of the picture, and kMaxAllocation more.
constexpr uint64_t kMaxWaste = 16;

/// Packed bytes that strips or tiles may read more than once, besides what so many pixels may need: a second of work.
constexpr uint64_t kMaxShared = 1 << 30;

constexpr uint64_t kOldJpeg = 6;
constexpr uint64_t kJpeg = 7;
constexpr uint64_t kDeflate = 8;
constexpr uint64_t kOldDeflate = 32946;

/// A zlib stream that gives more bytes than wanted, or a whole one with a right checksum. What libtiff makes of another one
/// depends on how it was built. Nothing is inflated beyond what the picture needs.
bool is_sound_deflate(std::span<const uint8_t> data, uint64_t wanted_bytes) {
  const InflateOutcome found = inflate_up_to(data, wanted_bytes + 1);
  return found.ended || found.bytes > wanted_bytes;
}

}  // namespace

/// The functions that libtiff calls; `handle` is the TiffFile.
struct TiffCallbacks {
  static tmsize_t read(thandle_t handle, void* out, tmsize_t count) {
    auto& file = *static_cast<TiffFile*>(handle);
    if (count <= 0 || file.position_ >= file.file_.size()) return 0;
    const size_t found = std::min(static_cast<size_t>(count), file.file_.size() - file.position_);
    std::memcpy(out, file.file_.data() + file.position_, found);
    file.position_ += found;
    return static_cast<tmsize_t>(found);
  }
  static tmsize_t write(thandle_t, void*, tmsize_t) { return 0; }
  static toff_t seek(thandle_t handle, toff_t offset, int whence) {
    auto& file = *static_cast<TiffFile*>(handle);
    const uint64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? file.position_ : file.file_.size();
    return file.position_ = base + offset;
  }
  static int close(thandle_t) { return 0; }
  static toff_t size(thandle_t handle) { return static_cast<TiffFile*>(handle)->file_.size(); }
  /// The file is in memory already: libtiff decodes from where it lies.
  static int map(thandle_t handle, void** base, toff_t* size) {
    const auto& file = static_cast<TiffFile*>(handle)->file_;
    *base = const_cast<uint8_t*>(file.data());
    *size = file.size();
    return 1;
  }
  static void unmap(thandle_t, void*, toff_t) {}
  static int keep_error(TIFF*, void* user, const char*, const char* format, va_list arguments) {
    char text[256];
    std::vsnprintf(text, sizeof(text), format, arguments);
    auto& message = static_cast<TiffFile*>(user)->message_;
    if (message.empty()) message = text;
    return 1;
  }
  static int ignore_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }
};

TiffFile::TiffFile(std::span<const uint8_t> file, const std::string& where) : file_(file), where_(where) {
  TIFFOpenOptions* options = TIFFOpenOptionsAlloc();
  require<std::runtime_error>(options != nullptr, "out of memory");
  TIFFOpenOptionsSetMaxSingleMemAlloc(options, kMaxAllocation);
  TIFFOpenOptionsSetErrorHandlerExtR(options, TiffCallbacks::keep_error, this);
  TIFFOpenOptionsSetWarningHandlerExtR(options, TiffCallbacks::ignore_warning, nullptr);
  tiff_ = TIFFClientOpenExt("", "r", this, TiffCallbacks::read, TiffCallbacks::write, TiffCallbacks::seek,
                            TiffCallbacks::close, TiffCallbacks::size, TiffCallbacks::map, TiffCallbacks::unmap, options);
  TIFFOpenOptionsFree(options);
  if (tiff_ == nullptr) fail_broken();
}

TiffFile::~TiffFile() { TIFFClose(tiff_); }

void TiffFile::fail_broken() const {
  fail<DataError>("{}: broken TIFF file{}{}", where_, message_.empty() ? "" : ": ", message_);
}

void TiffFile::read_pixels(const TiffTags& tags, const TiffLayout& layout, Picture& picture) {
  uint32_t width = 0;
  uint32_t height = 0;
  TIFFGetField(tiff_, TIFFTAG_IMAGEWIDTH, &width);
  TIFFGetField(tiff_, TIFFTAG_IMAGELENGTH, &height);
  if (width != layout.width || height != layout.height) fail_broken();
  require<DataError>(tags.sorted, "{}: broken TIFF file: its tags are not in order", where_);
  if (TIFFIsCODECConfigured(static_cast<uint16_t>(layout.compression)) == 0)
    fail<DataError>("{}: TIFF files of compression {} are not read", where_, layout.compression);
  check_blocks(tags, layout);
  if (layout.photometric == 6) {
    if (layout.compression != kJpeg || layout.planar) {
      const bool is_jpeg = layout.compression == kJpeg || layout.compression == kOldJpeg;
      if (!is_jpeg) check_subsampling(tags, layout);
      return read_rgba(picture);
    }
    TIFFSetField(tiff_, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
  }
  if (layout.planar && layout.kept > 1) {
    const bool known = (layout.bits == 8 || layout.bits == 16) && picture.mode != PictureMode::kGreyAlpha &&
                       layout.samples == layout.kept;
    require<DataError>(known, "{}: TIFF files with planes of this kind are not read", where_);
  }
  // libtiff gives numbers in this machine's order. Pillow turns signed and 32-bit ones of big-endian files once more.
  const bool turned = (layout.bits == 16 && layout.is_signed) || layout.bits == 32;
  const bool swapped = turned && tags.order == ByteOrder::kBig;
  TIFFIsTiled(tiff_) != 0 ? read_tiles(layout, swapped, picture) : read_strips(layout, swapped, picture);
  if (layout.planar && layout.premultiplied) {
    unmultiply_tiff_row(picture.bytes.data(), layout.width * layout.height, false);
  }
}

/// The strips or tiles are as many as the picture needs and, where that can be told, whole.
void TiffFile::check_blocks(const TiffTags& tags, const TiffLayout& layout) const {
  const bool tiled = TIFFIsTiled(tiff_) != 0;
  const uint32_t count = tiled ? TIFFNumberOfTiles(tiff_) : TIFFNumberOfStrips(tiff_);
  const auto offsets = tags.values.find(tiled ? kTiffTileOffsets : kTiffStripOffsets);
  const bool complete = offsets != tags.values.end() && offsets->second.size() == count;
  require<DataError>(complete, "{}: broken TIFF file: it needs {} {}", where_, count, tiled ? "tiles" : "strips");
  const tmsize_t block_bytes = tiled ? TIFFTileSize(tiff_) : TIFFStripSize(tiff_);
  if (block_bytes <= 0 || block_bytes > kMaxAllocation) fail_broken();
  check_work(layout, count, static_cast<uint64_t>(block_bytes));
  if (layout.compression != kDeflate && layout.compression != kOldDeflate) return;
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t offset = TIFFGetStrileOffset(tiff_, i);
    const uint64_t size = TIFFGetStrileByteCount(tiff_, i);
    const bool inside = offset <= file_.size() && size <= file_.size() - offset;
    if (!inside || !is_sound_deflate(file_.subspan(offset, size), static_cast<uint64_t>(block_bytes)))
      fail<DataError>("{}: broken TIFF file: {} {} is damaged", where_, tiled ? "tile" : "strip", i);
  }
}

/// Strips and tiles may lie on the same bytes of the file, and usual ones do where they are equal. A hostile file of a few
/// kilobytes could so keep libtiff busy for minutes.
void TiffFile::check_work(const TiffLayout& layout, uint32_t count, uint64_t block_bytes) const {
  const uint64_t picture_bytes = layout.width * layout.height * layout.samples * layout.bits / 8;
  require<DataError>(count <= (uint64_t{kMaxAllocation} + kMaxWaste * picture_bytes) / block_bytes,
                     "{}: broken TIFF file: its tiles are much larger than the picture", where_);
  uint64_t packed_bytes = 0;
  for (uint32_t i = 0; i < count; ++i) packed_bytes += std::min<uint64_t>(TIFFGetStrileByteCount(tiff_, i), file_.size());
  require<DataError>(packed_bytes <= kMaxShared + file_.size() + kMaxWaste * count * block_bytes,
                     "{}: broken TIFF file: its strips or tiles share too many bytes", where_);
}

void TiffFile::check_row_bytes(const TiffLayout& layout, int64_t found, uint64_t pixels) const {
  const uint64_t samples = layout.planar ? 1 : layout.samples;
  if (found < 0 || static_cast<uint64_t>(found) != (pixels * layout.bits * samples + 7) / 8) fail_broken();
}

/// Whole strips, as Pillow: some codecs judge a broken one otherwise when it is read row by row.
void TiffFile::read_strips(const TiffLayout& layout, bool swapped, Picture& picture) {
  uint32_t strip_rows = 0;
  TIFFGetFieldDefaulted(tiff_, TIFFTAG_ROWSPERSTRIP, &strip_rows);
  const tmsize_t row_bytes = TIFFScanlineSize(tiff_);
  check_row_bytes(layout, row_bytes, layout.width);
  const uint64_t rows = std::min<uint64_t>(strip_rows, layout.height);
  if (rows == 0 || rows > static_cast<uint64_t>(kMaxAllocation / row_bytes)) fail_broken();
  std::vector<uint8_t> bytes(rows * static_cast<uint64_t>(row_bytes));
  const bool by_plane = layout.planar && layout.kept > 1;
  const auto stride = layout.width * static_cast<uint64_t>(bytes_per_pixel(picture.mode));
  for (uint64_t plane = 0; plane < (by_plane ? layout.kept : 1); ++plane) {
    for (uint64_t y = 0; y < layout.height; ++y) {
      if (y % rows == 0) {
        const uint32_t strip = TIFFComputeStrip(tiff_, static_cast<uint32_t>(y), static_cast<uint16_t>(plane));
        if (TIFFReadEncodedStrip(tiff_, strip, bytes.data(), static_cast<tmsize_t>(bytes.size())) < 0) fail_broken();
      }
      const TiffRow row{bytes.data() + y % rows * static_cast<uint64_t>(row_bytes), layout.width, swapped};
      uint8_t* out = picture.bytes.data() + y * stride;
      by_plane ? unpack_tiff_plane(layout, row, plane, out) : unpack_tiff_row(layout, row, out);
    }
  }
}

void TiffFile::read_tiles(const TiffLayout& layout, bool swapped, Picture& picture) {
  uint32_t tile_width = 0;
  uint32_t tile_height = 0;
  TIFFGetField(tiff_, TIFFTAG_TILEWIDTH, &tile_width);
  TIFFGetField(tiff_, TIFFTAG_TILELENGTH, &tile_height);
  const tmsize_t tile_bytes = TIFFTileSize(tiff_);
  const tmsize_t row_bytes = TIFFTileRowSize(tiff_);
  check_row_bytes(layout, row_bytes, tile_width);
  if (tile_width == 0 || tile_height == 0 || tile_bytes != row_bytes * tile_height || tile_bytes > kMaxAllocation) {
    fail_broken();
  }
  std::vector<uint8_t> bytes(static_cast<size_t>(tile_bytes));
  const bool by_plane = layout.planar && layout.kept > 1;
  const auto pixel_bytes = static_cast<uint64_t>(bytes_per_pixel(picture.mode));
  const uint64_t columns = (layout.width - 1) / tile_width + 1;
  const uint64_t tiles = columns * ((layout.height - 1) / tile_height + 1);
  for (uint64_t i = 0; i < tiles * (by_plane ? layout.kept : 1); ++i) {
    const uint64_t x = i % columns * tile_width;
    const uint64_t top = i % tiles / columns * tile_height;
    const auto sample = static_cast<uint16_t>(i / tiles);
    if (TIFFReadTile(tiff_, bytes.data(), static_cast<uint32_t>(x), static_cast<uint32_t>(top), 0, sample) < 0) fail_broken();
    for (uint64_t y = top; y < std::min<uint64_t>(top + tile_height, layout.height); ++y) {
      const TiffRow row{bytes.data() + (y - top) * static_cast<uint64_t>(row_bytes),
                        std::min<uint64_t>(tile_width, layout.width - x), swapped};
      uint8_t* out = picture.bytes.data() + (y * layout.width + x) * pixel_bytes;
      by_plane ? unpack_tiff_plane(layout, row, sample, out) : unpack_tiff_row(layout, row, out);
    }
  }
}

/// Refuses what the versions of libtiff do not decode alike.
void TiffFile::check_subsampling(const TiffTags& tags, const TiffLayout& layout) const {
  const auto found = tags.values.find(kTiffSubsampling);
  const bool named = found != tags.values.end() && found->second.size() == 2;
  const uint64_t x = named ? found->second[0] : 0;
  const uint64_t y = named ? found->second[1] : 0;
  const bool alike = named && layout.width >= x && layout.height >= y && !(TIFFIsTiled(tiff_) != 0 && x == 4 && y == 4);
  require<DataError>(alike, "{}: TIFF files with this subsampling of colours are not read", where_);
}

/// YCbCr with its subsampling, converted by libtiff, a few rows at a time where the file allows it.
void TiffFile::read_rgba(Picture& picture) {
  uint32_t rows = 0;
  TIFFGetFieldDefaulted(tiff_, TIFFIsTiled(tiff_) != 0 ? TIFFTAG_TILELENGTH : TIFFTAG_ROWSPERSTRIP, &rows);
  const auto height = static_cast<uint32_t>(picture.height);
  const auto width = static_cast<size_t>(picture.width);
  rows = std::clamp(rows, uint32_t{1}, height);
  if (rows > static_cast<uint64_t>(kMaxAllocation) / 4 / width) fail_broken();
  char text[1024] = "";
  TIFFRGBAImage image;
  if (TIFFRGBAImageOK(tiff_, text) == 0 || TIFFRGBAImageBegin(&image, tiff_, 1, text) == 0) {
    if (message_.empty()) message_ = text;
    fail_broken();
  }
  image.req_orientation = image.orientation;
  std::vector<uint32_t> block(width * rows);
  bool good = true;
  for (uint32_t y = 0; y < height && good; y += rows) {
    const uint32_t count = std::min(rows, height - y);
    image.row_offset = static_cast<int>(y);
    image.col_offset = 0;
    good = TIFFRGBAImageGet(&image, block.data(), image.width, count) != 0;
    uint8_t* out = picture.bytes.data() + size_t{y} * width * 3;
    for (size_t i = 0; i < width * count && good; ++i, out += 3) {
      out[0] = static_cast<uint8_t>(TIFFGetR(block[i]));
      out[1] = static_cast<uint8_t>(TIFFGetG(block[i]));
      out[2] = static_cast<uint8_t>(TIFFGetB(block[i]));
    }
  }
  TIFFRGBAImageEnd(&image);
  if (!good) fail_broken();
}

}  // namespace longclip
