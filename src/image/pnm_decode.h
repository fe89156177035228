#pragma once
// image/pnm_decode.h -- PBM, PGM, PPM and PFM, as text or binary. Used by image/decode.cpp only.

#include <span>
#include <string>

#include "image/decode.h"

namespace longclip {

/// P1 to P6 and Pf; also the kinds of Pillow's own with a palette, RGBA or CMYK. Throws DataError "WHERE: reason".
Picture decode_pnm(std::span<const uint8_t> file, const std::string& where, const DecodeOptions& options);

}  // namespace longclip
