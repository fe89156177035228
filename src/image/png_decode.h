#pragma once
// image/png_decode.h -- PNG through libpng, in the modes of Pillow. Used by image/decode.cpp only.

#include <span>
#include <string>

#include "image/decode.h"

namespace longclip {

/// Palettes, alpha, 1-bit and 16-bit grey are kept; 16-bit colours keep their high byte.
/// Throws DataError "WHERE: reason".
Picture decode_png(std::span<const uint8_t> file, const std::string& where, const DecodeOptions& options);

}  // namespace longclip
