// image/picture.cpp -- names and sizes of the picture modes.

#include "image/picture.h"

#include <utility>

namespace longclip {

std::string_view mode_name(PictureMode mode) {
  switch (mode) {
    case PictureMode::kBilevel: return "1";
    case PictureMode::kGrey: return "L";
    case PictureMode::kGreyAlpha: return "LA";
    case PictureMode::kPalette: return "P";
    case PictureMode::kRgb: return "RGB";
    case PictureMode::kRgba: return "RGBA";
    case PictureMode::kCmyk: return "CMYK";
    case PictureMode::kGrey16: return "I;16";
    case PictureMode::kGrey16Swapped: return "I;16B";
    case PictureMode::kYcbcr: return "YCbCr";
    case PictureMode::kInt32: return "I";
    case PictureMode::kFloat32: return "F";
  }
  return "";
}

int bytes_per_pixel(PictureMode mode) {
  switch (mode) {
    case PictureMode::kBilevel:
    case PictureMode::kGrey:
    case PictureMode::kPalette: return 1;
    case PictureMode::kGreyAlpha:
    case PictureMode::kGrey16Swapped:
    case PictureMode::kGrey16: return 2;
    case PictureMode::kRgb:
    case PictureMode::kYcbcr: return 3;
    case PictureMode::kInt32:
    case PictureMode::kFloat32:
    case PictureMode::kRgba:
    case PictureMode::kCmyk: return 4;
  }
  return 0;
}

Picture blank_picture(std::string format, PictureMode mode, uint64_t width, uint64_t height) {
  Picture picture;
  picture.format = std::move(format);
  picture.mode = mode;
  picture.width = static_cast<int64_t>(width);
  picture.height = static_cast<int64_t>(height);
  picture.bytes.resize(width * height * static_cast<uint64_t>(bytes_per_pixel(mode)));
  return picture;
}

}  // namespace longclip
