#pragma once
// image/bmp_decode.h -- Windows and OS/2 bitmaps. Used by image/decode.cpp only.

#include <span>
#include <string>

#include "image/decode.h"

namespace longclip {

/// 1, 4 and 8 bits (raw or RLE) with a palette, or grey where the palette is a ramp; 16, 24 and 32 bits.
/// Throws DataError "WHERE: reason".
Picture decode_bmp(std::span<const uint8_t> file, const std::string& where, const DecodeOptions& options);

}  // namespace longclip
