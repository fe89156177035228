// image/tiff_decode.cpp -- the mode from the tags as Pillow chooses it, then the pixels: uncompressed strips and tiles are
// cut out of the file, everything else is libtiff's (image/tiff_file.h). Source: Pillow 13, TiffImagePlugin.py, TiffDecode.c.

#include "image/tiff_decode.h"

#include <algorithm>
#include <bit>

#include "base/error.h"
#include "image/orientation.h"
#include "image/tiff_file.h"
#include "image/tiff_layout.h"
#include "image/tiff_tags.h"

namespace longclip {
namespace {

struct Block {
  uint64_t x, y, width, height;  ///< the part of the picture
  uint64_t plane;
  uint64_t offset;
};

uint8_t* pixel_at(Picture& picture, uint64_t x, uint64_t y) {
  return picture.bytes.data() +
         (y * static_cast<uint64_t>(picture.width) + x) * static_cast<uint64_t>(bytes_per_pixel(picture.mode));
}

uint8_t reversed(uint8_t byte) {
  uint8_t out = 0;
  for (int i = 0; i < 8; ++i) out = static_cast<uint8_t>(out | (byte >> i & 1) << (7 - i));
  return out;
}

/// Where the strips or tiles lie, in the order of the file: where they overlap, the last one counts.
std::vector<Block> list_blocks(const TiffTags& tags, const TiffLayout& layout, const std::string& where) {
  const bool strips = tags.has(kTiffStripOffsets);
  require<DataError>(strips || tags.has(kTiffTileOffsets), "{}: the TIFF file names no pixels", where);
  std::vector<uint64_t> offsets = tags.values.at(strips ? kTiffStripOffsets : kTiffTileOffsets);
  const uint64_t width = strips ? layout.width : tags.get(kTiffTileWidth, 0);
  const uint64_t height = strips ? tags.get(kTiffRowsPerStrip, layout.height) : tags.get(kTiffTileHeight, 0);
  require<DataError>(width > 0 && height > 0, "{}: broken TIFF file: strips or tiles without pixels", where);
  if (width == layout.width && height == layout.height && !layout.planar) offsets = {offsets.back()};
  const uint64_t columns = (layout.width - 1) / width + 1;
  const uint64_t blocks = columns * ((layout.height - 1) / height + 1);
  require<DataError>(offsets.size() <= blocks * (layout.planar ? layout.kept : 1),
                     "{}: broken TIFF file: more strips or tiles than the picture needs", where);
  std::vector<Block> found;
  for (uint64_t i = 0; i < offsets.size(); ++i) {
    const uint64_t x = i % columns * width;
    const uint64_t y = i % blocks / columns * height;
    found.push_back({x, y, std::min(width, layout.width - x), std::min(height, layout.height - y), i / blocks, offsets[i]});
  }
  std::ranges::stable_sort(found, {}, &Block::offset);
  return found;
}

/// Uncompressed pixels of one strip or tile. `stride`: bytes of its rows in the file.
void copy_block(std::span<const uint8_t> file, const TiffTags& tags, const TiffLayout& layout, const Block& block,
                Picture& picture) {
  const uint64_t pixel_bits = layout.bits * (layout.planar ? 1 : layout.samples);
  const uint64_t row_bytes = (block.width * pixel_bits + 7) / 8;
  const uint64_t tile_width = tags.has(kTiffStripOffsets) ? layout.width : tags.get(kTiffTileWidth, 0);
  const uint64_t stride = block.width < tile_width ? tile_width * pixel_bits / 8 : row_bytes;
  require<DataError>(stride >= row_bytes, "{}: broken TIFF file: rows of a tile overlap", picture.format);
  ByteReader in(file, "", "TIFF");
  std::vector<uint8_t> turned;
  for (uint64_t y = 0; y < block.height; ++y) {
    in.seek(block.offset + y * stride);
    auto bytes = in.bytes(row_bytes);
    if (tags.get(kTiffFillOrder, 1) == 2) {
      turned.resize(row_bytes);
      std::ranges::transform(bytes, turned.begin(), reversed);
      bytes = turned;
    }
    const bool is_native = (tags.order == ByteOrder::kLittle) == (std::endian::native == std::endian::little);
    const TiffRow row{bytes.data(), block.width, !is_native};
    uint8_t* out = pixel_at(picture, block.x, block.y + y);
    layout.planar && layout.samples > 1 ? unpack_tiff_plane(layout, row, block.plane, out)
                                        : unpack_tiff_row(layout, row, out);
  }
}

void read_uncompressed(std::span<const uint8_t> file, const TiffTags& tags, TiffLayout layout, const std::string& where,
                       Picture& picture) {
  if (layout.planar) {
    // Pillow takes the letters of its unpacker's name for the planes, which is right for these modes only.
    const bool one_plane = layout.samples == 1 && layout.photometric != 6 &&
                           (layout.bits == 8 || picture.mode == PictureMode::kBilevel);
    const bool planes = layout.bits == 8 && !layout.premultiplied && layout.samples == layout.kept &&
                        (picture.mode == PictureMode::kRgb || picture.mode == PictureMode::kRgba ||
                         picture.mode == PictureMode::kCmyk);
    require<DataError>(one_plane || planes, "{}: uncompressed TIFF files with planes of this kind are not read", where);
    layout.inverted = false;
  }
  const std::vector<Block> blocks = list_blocks(tags, layout, where);
  try {
    for (const Block& block : blocks) copy_block(file, tags, layout, block, picture);
  } catch (const DataError&) {
    fail<DataError>("{}: the TIFF file is truncated", where);
  }
}

void read_palette(const TiffTags& tags, const std::string& where, Picture& picture) {
  require<DataError>(tags.has(kTiffColorMap), "{}: broken TIFF file: no palette", where);
  const auto& colors = tags.values.at(kTiffColorMap);
  const size_t count = colors.size() / 3;
  require<DataError>(count <= 256, "{}: broken TIFF file: a palette of {} colours", where, count);
  for (size_t i = 0; i < 3 * count; ++i) picture.palette[i % count * 3 + i / count] = static_cast<uint8_t>(colors[i] / 256);
}

/// Pixels in YCbCr that libtiff decodes come as RGB: Pillow lets it convert them.
PictureMode mode_of(const TiffLayout& layout, const std::string& where) {
  if (layout.compression == 1 || layout.photometric != 6) return layout.mode;
  require<DataError>(layout.samples == 3, "{}: compressed TIFF files with YCbCr of one sample are not read", where);
  return PictureMode::kRgb;
}

}  // namespace

Picture decode_tiff(std::span<const uint8_t> file, const std::string& where, const DecodeOptions& options) {
  const TiffTags tags = read_tiff_tags(file, where);
  const TiffLayout layout = tiff_layout(tags, where);
  require_allowed_size(layout.width, layout.height, where, options);
  Picture picture = blank_picture("TIFF", mode_of(layout, where), layout.width, layout.height);
  if (picture.mode == PictureMode::kPalette) read_palette(tags, where, picture);
  if (layout.compression == 1) {
    read_uncompressed(file, tags, layout, where, picture);
  } else {
    TiffFile(file, where).read_pixels(tags, layout, picture);
  }
  const auto xmp = tags.values.find(kTiffXmp);
  uint64_t orientation = tags.get(kTiffOrientation, 1);
  if (!tags.has(kTiffOrientation) && xmp != tags.values.end()) {
    const std::vector<uint8_t> text(xmp->second.begin(), xmp->second.end());
    orientation = static_cast<uint64_t>(xmp_orientation(text));
  }
  apply_orientation(picture, orientation);
  return picture;
}

}  // namespace longclip
