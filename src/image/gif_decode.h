#pragma once
// image/gif_decode.h -- the first frame of a GIF on its canvas. Used by image/decode.cpp only.

#include <span>
#include <string>

#include "image/decode.h"

namespace longclip {

/// A palette picture; grey ("L") where the palette is a ramp from black on. Throws DataError "WHERE: reason".
Picture decode_gif(std::span<const uint8_t> file, const std::string& where, const DecodeOptions& options);

}  // namespace longclip
