#pragma once
// image/transform.h -- the preprocessing of CLIP up to the bytes: resize the short side, cut the centre, make it RGB.
// Source: torchvision 0.26, Resize(size, bicubic) and CenterCrop(size) on Pillow 13 pictures, then convert("RGB").

#include <cstdint>
#include <vector>

#include "image/picture.h"

namespace longclip {

struct CropGeometry {
  int64_t resized_width;
  int64_t resized_height;
  int64_t crop_left;
  int64_t crop_top;
};

/// The short side becomes `size`, the long side int(size * long / short); the margins of the square are halved, halves
/// rounded to the even number. Small pictures are enlarged. All arguments must be at least 1.
CropGeometry crop_geometry(int64_t width, int64_t height, int64_t size);

/// The square that the model sees: size * size RGB bytes, row by row, the same bytes as Pillow 13.
/// The resize runs in the picture's own mode: palette and 1-bit by nearest neighbour, alpha premultiplied and then
/// dropped, 16-bit grey, integers and floats clipped at 255. Only the rows and columns of the square are computed, so a picture of
/// 4000 x 1 needs no more memory than its square. Throws DataError where the resized picture would be longer than
/// 2^31 - 1, as Pillow cannot do it either. `size` 1 to 16384.
std::vector<uint8_t> clip_crop(const Picture& picture, int64_t size);

}  // namespace longclip
