#pragma once
// image/webp_decode.h -- WebP through libwebp: the first frame on its canvas. Used by image/decode.cpp only.

#include <span>
#include <string>

#include "image/decode.h"

namespace longclip {

/// RGBA where the header announces alpha, else RGB. Throws DataError "WHERE: reason".
Picture decode_webp(std::span<const uint8_t> file, const std::string& where, const DecodeOptions& options);

}  // namespace longclip
