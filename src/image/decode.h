#pragma once
// image/decode.h -- the bytes of a picture file -> pixels, bit for bit what Pillow 13 gives.
// The content decides the format, never the name: JPEG (MPO: its first picture) and PNG (APNG: its default picture).

#include <cstdint>
#include <span>
#include <string>

#include "image/picture.h"

namespace longclip {

struct DecodeOptions {
  /// Pictures with more pixels are refused, as their header tells it and before memory is taken.
  /// Default: twice Pillow's MAX_IMAGE_PIXELS, where Pillow itself refuses.
  uint64_t max_pixels = 178'956'970;
};

/// Decodes `file`, the whole content of a picture file. The picture keeps its mode; EXIF orientation, colour profiles
/// and gamma are not applied, as in the original preprocessing.
/// Throws DataError "WHERE: reason" for every other format (named), for cut or broken data and for too many pixels.
/// Damage is judged as Pillow does: a JPEG with corrupt but complete data is taken, a cut one is refused; a PNG with a
/// wrong checksum before its pixel data is refused, a wrong checksum of the pixel data itself is not looked at.
/// Stricter than Pillow: a PNG cut inside a chunk is always refused, also behind its last row or first picture, and so
/// is one with too few rows, which Pillow leaves black.
Picture decode_picture(std::span<const uint8_t> file, const std::string& where, const DecodeOptions& options = {});

}  // namespace longclip
