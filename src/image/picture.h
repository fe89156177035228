#pragma once
// image/picture.h -- a decoded picture in the mode of its file, as Pillow holds it: nothing is converted to RGB yet.
// The mode matters because the resize of the original preprocessing runs in it (image/transform.h).

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace longclip {

/// What a pixel is. The comment gives Pillow's name and the bytes of a pixel.
enum class PictureMode {
  kBilevel,       ///< "1": one byte, 0 or 255
  kGrey,          ///< "L": one byte
  kGreyAlpha,     ///< "LA": grey, alpha (not premultiplied)
  kPalette,       ///< "P": one byte, an index into `palette`
  kRgb,           ///< "RGB"
  kRgba,          ///< "RGBA" (not premultiplied)
  kCmyk,          ///< "CMYK": 255 is full ink
  kGrey16,        ///< "I;16": two bytes in the order of this machine
  kGrey16Swapped, ///< "I;16B": two bytes in the other order
  kYcbcr,         ///< "YCbCr"
  kInt32,         ///< "I": one int32_t
  kFloat32,       ///< "F": one float
};

struct Picture {
  int64_t width = 0;
  int64_t height = 0;
  PictureMode mode = PictureMode::kRgb;
  /// height rows of width pixels, top row first, without padding.
  std::vector<uint8_t> bytes;
  /// 256 RGB triples, for kPalette. Entries that the file leaves out are black, as in Pillow.
  std::array<uint8_t, 768> palette{};
  /// Pillow's name of the file format: "JPEG", "PNG", "GIF", "WEBP", "BMP", "PPM" or "TIFF".
  std::string format;
};

/// Pillow's name of a mode: "RGB", "L", "I;16", ...
std::string_view mode_name(PictureMode mode);
/// Bytes of one pixel: 1 to 4.
int bytes_per_pixel(PictureMode mode);
/// A picture of zeros. Sizes at least 1; the caller has held them against the limit of pixels.
Picture blank_picture(std::string format, PictureMode mode, uint64_t width, uint64_t height);

}  // namespace longclip
