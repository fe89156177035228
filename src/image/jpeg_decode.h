#pragma once
// image/jpeg_decode.h -- JPEG through libjpeg-turbo, with the settings of Pillow. Used by image/decode.cpp only.

#include <span>
#include <string>

#include "image/decode.h"

namespace longclip {

/// Grey stays grey ("L"), three components become RGB, four become CMYK. Throws DataError "WHERE: reason".
Picture decode_jpeg(std::span<const uint8_t> file, const std::string& where, const DecodeOptions& options);

}  // namespace longclip
