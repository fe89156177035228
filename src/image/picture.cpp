// image/picture.cpp -- names and sizes of the picture modes.

#include "image/picture.h"

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
  }
  return "";
}

int bytes_per_pixel(PictureMode mode) {
  switch (mode) {
    case PictureMode::kBilevel:
    case PictureMode::kGrey:
    case PictureMode::kPalette: return 1;
    case PictureMode::kGreyAlpha:
    case PictureMode::kGrey16: return 2;
    case PictureMode::kRgb: return 3;
    case PictureMode::kRgba:
    case PictureMode::kCmyk: return 4;
  }
  return 0;
}

}  // namespace longclip
