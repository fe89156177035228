// tests/fuzz/image_fuzz.cpp -- any bytes as a picture file: it decodes and is cut to a square, or a DataError says why not.
// The first byte chooses the options, the rest is the file.
#include <cstdint>
#include <span>

#include "base/error.h"
#include "image/decode.h"
#include "image/transform.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const longclip::DecodeOptions options{
      .max_pixels = 1 << 20,  // a run stays quick
      .load_truncated = (data[0] & 1) != 0,
      .exif_orientation = (data[0] & 2) != 0 ? longclip::ExifOrientation::kApply : longclip::ExifOrientation::kIgnore};
  try {
    longclip::clip_crop(longclip::decode_picture(std::span(data + 1, size - 1), "fuzz", options), 32);
  } catch (const longclip::DataError&) {
    // Refused: the other good end.
  }
  return 0;
}
