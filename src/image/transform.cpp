// image/transform.cpp -- geometry of the crop, and the way of each picture mode through the resize to RGB.
// Steps and rounding are Pillow's: Image.resize, Convert.c, Geometry.c (nearest), Resample.c (in image/resample.h).

#include "image/transform.h"

#include <algorithm>
#include <climits>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "base/error.h"
#include "image/resample.h"

namespace longclip {
namespace {

using Bytes = std::vector<uint8_t>;

/// a * b / 255, rounded (MULDIV255).
uint8_t multiply_255(unsigned a, unsigned b) {
  const unsigned product = a * b + 128;
  return static_cast<uint8_t>(((product >> 8) + product) >> 8);
}

/// Python's round(margin / 2): halves to the even number.
int64_t half_to_even(int64_t margin) {
  const int64_t half = margin / 2;
  return margin % 2 == 1 && half % 2 == 1 ? half + 1 : half;
}

/// Columns [left, left + width) and rows [top, top + height) of a picture.
struct Rectangle {
  int64_t left;
  int64_t top;
  int64_t width;
  int64_t height;
};

Bytes copy_rectangle(const Picture& picture, const Rectangle& area) {
  const int64_t pixel_bytes = bytes_per_pixel(picture.mode);
  Bytes out(static_cast<size_t>(area.width * area.height * pixel_bytes));
  for (int64_t y = 0; y < area.height; ++y) {
    const int64_t from = ((area.top + y) * picture.width + area.left) * pixel_bytes;
    std::memcpy(out.data() + y * area.width * pixel_bytes, picture.bytes.data() + from,
                static_cast<size_t>(area.width * pixel_bytes));
  }
  return out;
}

/// Input index of each output of one axis, -1 where it lies outside: ImagingScaleAffine adds up a step, and the sum's
/// rounding decides some pixels, so it is added up here too.
std::vector<int64_t> nearest_indices(int64_t input_size, int64_t resized_size, int64_t crop_start, int64_t crop_size) {
  const double step = static_cast<double>(input_size) / static_cast<double>(resized_size);
  double position = step * 0.5;
  for (int64_t i = 0; i < crop_start; ++i) position += step;
  std::vector<int64_t> indices(static_cast<size_t>(crop_size), -1);
  for (int64_t& index : indices) {
    if (position < static_cast<double>(input_size)) index = static_cast<int64_t>(position);
    position += step;
  }
  return indices;
}

/// The crop of a resize by nearest neighbour, for modes with one byte a pixel.
Bytes nearest_crop(const Picture& picture, const CropGeometry& geometry, int64_t size) {
  const auto columns = nearest_indices(picture.width, geometry.resized_width, geometry.crop_left, size);
  const auto rows = nearest_indices(picture.height, geometry.resized_height, geometry.crop_top, size);
  Bytes out(static_cast<size_t>(size * size), 0);
  auto pixel = out.begin();
  for (const int64_t y : rows) {
    for (const int64_t x : columns) {
      if (x >= 0 && y >= 0) *pixel = picture.bytes[static_cast<size_t>(y * picture.width + x)];
      ++pixel;
    }
  }
  return out;
}

/// Multiplies the colours of pixels of `channels` bytes by the last one, alpha.
void premultiply(Bytes& bytes, size_t channels) {
  for (size_t i = 0; i < bytes.size(); i += channels) {
    const uint8_t alpha = bytes[i + channels - 1];
    for (size_t c = 0; c + 1 < channels; ++c) bytes[i + c] = multiply_255(bytes[i + c], alpha);
  }
}

void divide_by_alpha(Bytes& bytes, size_t channels) {
  for (size_t i = 0; i < bytes.size(); i += channels) {
    const unsigned alpha = bytes[i + channels - 1];
    if (alpha == 0 || alpha == 255) continue;
    for (size_t c = i; c + 1 < i + channels; ++c)
      bytes[c] = static_cast<uint8_t>(std::min(255U * bytes[c] / alpha, 255U));
  }
}

/// The block that one pass leaves for the other.
PixelBlock block_of(const Bytes& bytes, const Rectangle& area, int pixel_bytes, int channels) {
  return {
      bytes.data(), bytes.data() + bytes.size(), area.width * pixel_bytes, area.top, area.left, area.height, area.width,
      channels};
}

const ResampleKernel& kernel_for(PictureMode mode) {
  static const ResampleKernel* const fast = avx2_kernel_or_null();
  // Pillow resizes "I;16B" as if its bytes were in the other order, and so must who gives its pixels.
  if (mode == PictureMode::kGrey16 || mode == PictureMode::kGrey16Swapped) return kGrey16Kernel;
  if (mode == PictureMode::kInt32) return kInt32Kernel;
  if (mode == PictureMode::kFloat32) return kFloat32Kernel;
  return fast != nullptr ? *fast : kScalarKernel;
}

/// The crop of a bicubic resize, in the picture's mode.
Bytes bicubic_crop(const Picture& picture, const CropGeometry& geometry, int64_t size) {
  const AxisWeights columns = bicubic_weights(picture.width, geometry.resized_width, geometry.crop_left, size);
  const AxisWeights rows = bicubic_weights(picture.height, geometry.resized_height, geometry.crop_top, size);
  const Rectangle needed{columns.first_input(), rows.first_input(), columns.end_input() - columns.first_input(),
                         rows.end_input() - rows.first_input()};
  const int pixel_bytes = bytes_per_pixel(picture.mode);
  const bool wide = picture.mode == PictureMode::kGrey16 || picture.mode == PictureMode::kGrey16Swapped ||
                    picture.mode == PictureMode::kInt32 || picture.mode == PictureMode::kFloat32;
  const int channels = wide ? 1 : pixel_bytes;
  const bool has_alpha = picture.mode == PictureMode::kGreyAlpha || picture.mode == PictureMode::kRgba;

  Bytes premultiplied;
  PixelBlock source{picture.bytes.data() + (needed.top * picture.width + needed.left) * pixel_bytes,
                    picture.bytes.data() + picture.bytes.size(),
                    picture.width * pixel_bytes,
                    needed.top,
                    needed.left,
                    needed.height,
                    needed.width,
                    channels};
  if (has_alpha) {
    premultiplied = copy_rectangle(picture, needed);
    premultiply(premultiplied, static_cast<size_t>(channels));
    source = block_of(premultiplied, needed, pixel_bytes, channels);
  }

  const ResampleKernel& kernel = kernel_for(picture.mode);
  Bytes out(static_cast<size_t>(size * size * pixel_bytes));
  // The order decides the rounding between the passes. Pillow 13 begins with the vertical pass where the height
  // shrinks by more than twice as many pixels as the width.
  const int64_t shrink_x = picture.width - geometry.resized_width;
  const int64_t shrink_y = picture.height - geometry.resized_height;
  if (shrink_y > 0 && shrink_y > 2 * shrink_x) {
    Bytes between(static_cast<size_t>(size * needed.width * pixel_bytes));
    kernel.vertical(source, rows, between.data());
    const Rectangle area{needed.left, 0, needed.width, size};
    kernel.horizontal(block_of(between, area, pixel_bytes, channels), columns, out.data());
  } else {
    Bytes between(static_cast<size_t>(size * needed.height * pixel_bytes));
    kernel.horizontal(source, columns, between.data());
    const Rectangle area{0, needed.top, size, needed.height};
    kernel.vertical(block_of(between, area, pixel_bytes, channels), rows, out.data());
  }
  if (has_alpha) divide_by_alpha(out, static_cast<size_t>(channels));
  return out;
}

/// ConvertYCbCr.c: coefficients in 6-bit fixed point, rounded towards zero after adding a half.
void ycbcr_to_rgb(const uint8_t* pixel, uint8_t* rgb) {
  const auto part = [](double factor, uint8_t chroma) { return static_cast<int>(factor * 64 * (chroma - 128) + 0.5); };
  const int luma = pixel[0];
  const int sums[3] = {part(1.402, pixel[2]), part(-0.34414, pixel[1]) + part(-0.71414, pixel[2]),
                       part(1.772, pixel[1])};
  for (int c = 0; c < 3; ++c) rgb[c] = static_cast<uint8_t>(std::clamp(luma + (sums[c] >> 6), 0, 255));
}

/// A sample of more than 8 bits, clipped (not scaled) to 0 ... 255; fractions are cut off, NaN is 0.
template <class Sample> uint8_t clipped(const uint8_t* pixel) {
  Sample value;
  std::memcpy(&value, pixel, sizeof(value));
  if (value >= Sample{255}) return 255;
  return value > Sample{0} ? static_cast<uint8_t>(value) : uint8_t{0};
}

/// One pixel of the picture's mode -> RGB, as Pillow's convert("RGB").
void pixel_to_rgb(const Picture& picture, const uint8_t* pixel, uint8_t* rgb) {
  switch (picture.mode) {
    case PictureMode::kBilevel:
    case PictureMode::kGrey:
    case PictureMode::kGreyAlpha: std::fill_n(rgb, 3, pixel[0]); break;
    case PictureMode::kPalette: std::copy_n(picture.palette.data() + size_t{pixel[0]} * 3, 3, rgb); break;
    case PictureMode::kRgb:
    case PictureMode::kRgba: std::copy_n(pixel, 3, rgb); break;
    case PictureMode::kCmyk: {
      const unsigned light = 255U - pixel[3];
      for (int c = 0; c < 3; ++c) rgb[c] = static_cast<uint8_t>(light - multiply_255(pixel[c], light));
      break;
    }
    case PictureMode::kYcbcr: ycbcr_to_rgb(pixel, rgb); break;
    case PictureMode::kGrey16: std::fill_n(rgb, 3, clipped<uint16_t>(pixel)); break;
    case PictureMode::kGrey16Swapped: {
      const uint8_t turned[2] = {pixel[1], pixel[0]};
      std::fill_n(rgb, 3, clipped<uint16_t>(turned));
      break;
    }
    case PictureMode::kInt32: std::fill_n(rgb, 3, clipped<int32_t>(pixel)); break;
    case PictureMode::kFloat32: std::fill_n(rgb, 3, clipped<float>(pixel)); break;
  }
}

Bytes to_rgb(const Picture& picture, Bytes pixels) {
  if (picture.mode == PictureMode::kRgb) return pixels;
  const auto pixel_bytes = static_cast<size_t>(bytes_per_pixel(picture.mode));
  const size_t count = pixels.size() / pixel_bytes;
  Bytes rgb(count * 3);
  for (size_t i = 0; i < count; ++i) pixel_to_rgb(picture, pixels.data() + i * pixel_bytes, rgb.data() + i * 3);
  return rgb;
}

}  // namespace

CropGeometry crop_geometry(int64_t width, int64_t height, int64_t size) {
  const int64_t short_side = std::min(width, height);
  const int64_t long_side = std::max(width, height);
  const double exact = static_cast<double>(size * long_side) / static_cast<double>(short_side);
  const auto resized_long = static_cast<int64_t>(exact);
  CropGeometry geometry{size, resized_long, 0, 0};
  if (width > height) std::swap(geometry.resized_width, geometry.resized_height);
  geometry.crop_left = half_to_even(geometry.resized_width - size);
  geometry.crop_top = half_to_even(geometry.resized_height - size);
  return geometry;
}

std::vector<uint8_t> clip_crop(const Picture& picture, int64_t size) {
  require<std::invalid_argument>(size >= 1 && size <= 16384, "a crop of {} pixels; 1 to 16384 are possible", size);
  const bool has_size = picture.width >= 1 && picture.height >= 1 && std::max(picture.width, picture.height) <= INT_MAX;
  const auto pixels = static_cast<uint64_t>(picture.width) * static_cast<uint64_t>(picture.height);
  const bool sound = has_size && picture.bytes.size() == pixels * static_cast<uint64_t>(bytes_per_pixel(picture.mode));
  require<std::invalid_argument>(sound, "a picture of {} x {} with {} bytes", picture.width, picture.height,
                                 picture.bytes.size());
  const CropGeometry geometry = crop_geometry(picture.width, picture.height, size);
  require<DataError>(std::max(geometry.resized_width, geometry.resized_height) <= INT_MAX,
                     "a picture of {} x {} pixels is too thin to be resized to {}", picture.width, picture.height,
                     size);
  if (geometry.resized_width == picture.width && geometry.resized_height == picture.height) {
    return to_rgb(picture, copy_rectangle(picture, {geometry.crop_left, geometry.crop_top, size, size}));
  }
  const bool nearest = picture.mode == PictureMode::kPalette || picture.mode == PictureMode::kBilevel;
  return to_rgb(picture, nearest ? nearest_crop(picture, geometry, size) : bicubic_crop(picture, geometry, size));
}

}  // namespace longclip
