#pragma once
// image/orientation.h -- the orientation that cameras write into picture files, and turning a picture by it.

#include <cstdint>
#include <span>

#include "image/picture.h"

namespace longclip {

/// The orientation in a JPEG, PNG or WebP file: 1 to 8, 1 where it holds none. EXIF counts before XMP, as in Pillow.
/// Metadata that cannot be read says nothing; the picture is not refused for it.
int file_orientation(std::span<const uint8_t> file, const std::string& format);
/// The orientation in XMP text: 1 to 8, 1 where there is none.
int xmp_orientation(std::span<const uint8_t> xmp);

/// Turns and mirrors the picture so that orientation 1 to 8 becomes upright; others leave it as it is.
void apply_orientation(Picture& picture, uint64_t orientation);

}  // namespace longclip
