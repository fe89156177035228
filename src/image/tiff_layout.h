#pragma once
// image/tiff_layout.h -- which mode Pillow gives a TIFF picture, and how the bytes of its rows become pixels.

#include <cstdint>
#include <string>

#include "image/picture.h"
#include "image/tiff_tags.h"

namespace longclip {

struct TiffLayout {
  uint64_t width = 0;
  uint64_t height = 0;
  uint64_t compression = 1;  ///< 1: none
  uint64_t photometric = 0;  ///< 0 white is zero, 1 black is zero, 2 RGB, 3 palette, 5 CMYK, 6 YCbCr
  bool planar = false;       ///< each sample in its own strips
  uint64_t bits = 1;         ///< of a sample: 1, 2, 4, 8, 12, 16 or 32
  uint64_t samples = 1;      ///< of a pixel in the file
  uint64_t kept = 1;         ///< the first so many of them become the picture's
  bool is_signed = false;
  bool inverted = false;
  bool premultiplied = false;  ///< colours are stored multiplied by alpha
  PictureMode mode = PictureMode::kBilevel;
};

/// Throws DataError "WHERE: reason" for what Pillow's table OPEN_INFO does not hold, for CIELAB, whose conversion is not Pillow's
/// own, for premultiplied grey, which has none, and for palettes with alpha, which Pillow's resize makes black.
TiffLayout tiff_layout(const TiffTags& tags, const std::string& where);

/// Samples of 8 to 32 bits in a row's bytes, in the order of this machine or (`swapped`) the other one.
struct TiffRow {
  const uint8_t* bytes;
  uint64_t pixels;
  bool swapped;
};

/// A row of whole pixels -> `out`, pixels of the layout's mode.
void unpack_tiff_row(const TiffLayout& layout, const TiffRow& row, uint8_t* out);
/// A row of sample `plane` alone, of 8 or 16 bits.
void unpack_tiff_plane(const TiffLayout& layout, const TiffRow& row, uint64_t plane, uint8_t* out);
/// Colours that are multiplied by alpha -> colours that are not. Where alpha is 0: black, or left as they are.
void unmultiply_tiff_row(uint8_t* rgba, uint64_t pixels, bool clear);

}  // namespace longclip
