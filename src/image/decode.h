#pragma once
// image/decode.h -- the bytes of a picture file -> pixels, bit for bit what Pillow 13 gives.
// The content decides the format, never the name: JPEG (MPO: its first picture), PNG (APNG: its default picture), GIF and
// WebP (first frame), BMP, PNM and TIFF (first page).

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "image/picture.h"

namespace longclip {

/// Whether the EXIF (or XMP) orientation of a file turns the picture.
enum class ExifOrientation { kIgnore, kApply };

struct DecodeOptions {
  /// Pictures with more pixels are refused, as their header tells it and before memory is taken.
  /// Default: twice Pillow's MAX_IMAGE_PIXELS, where Pillow itself refuses.
  uint64_t max_pixels = 178'956'970;
  /// A JPEG (not a progressive one in colour) or PNG whose pixels end too early is taken as far as it goes; the rest is
  /// grey (JPEG) or black (PNG).
  /// As Pillow with LOAD_TRUNCATED_IMAGES.
  bool load_truncated = false;
  /// kApply: as Pillow's ImageOps.exif_transpose. A TIFF is always turned by its own tag, as Pillow does it.
  ExifOrientation exif_orientation = ExifOrientation::kIgnore;
};

/// Decodes `file`, the whole content of a picture file. The picture keeps its mode; colour profiles and gamma are not
/// applied, as in the original preprocessing.
/// Throws DataError "WHERE: reason" for every other format (named), for cut or broken data and for too many pixels.
/// Damage is judged as Pillow does: a JPEG with corrupt but complete data is taken, a cut one is refused; a PNG with a
/// wrong checksum before its pixel data is refused, a wrong checksum of the pixel data itself is not looked at.
/// Stricter than Pillow: docs/data_formats.md, "Pictures".
/// Memory: what the picture needs (1 to 4 bytes a pixel), as much again in libwebp (lossless files) and libtiff (tiles), and
/// 2 bytes for every sample in libjpeg (progressive files). Time: bounded by the pixels and the size of the file.
Picture decode_picture(std::span<const uint8_t> file, const std::string& where, const DecodeOptions& options = {});

/// True for the beginning (12 bytes are enough) of a file in a format that decode_picture() reads.
bool is_picture_start(std::span<const uint8_t> start);

/// For the decoders, before they take memory: throws DataError for a picture without pixels and for too many pixels.
void require_allowed_size(uint64_t width, uint64_t height, const std::string& where, const DecodeOptions& options);

}  // namespace longclip
