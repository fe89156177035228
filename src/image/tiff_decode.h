#pragma once
// image/tiff_decode.h -- the first page of a TIFF. Used by image/decode.cpp only.

#include <span>
#include <string>

#include "image/decode.h"

namespace longclip {

/// Every layout and compression that Pillow reads, but CIELAB; turned by the file's own orientation tag, as Pillow does it.
/// Throws DataError "WHERE: reason".
Picture decode_tiff(std::span<const uint8_t> file, const std::string& where, const DecodeOptions& options);

}  // namespace longclip
