// image/picture_names.cpp -- see image/picture_names.h
#include "image/picture_names.h"

#include <algorithm>
#include <iterator>

namespace longclip {

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return lower;
}

bool is_picture_ending(std::string_view ending) {
  constexpr std::string_view kEndings[] = {"jpg", "jpeg", "jpe", "png", "gif", "webp", "bmp", "pbm", "pgm", "ppm", "pnm", "pfm", "tif", "tiff"};
  return std::ranges::find(kEndings, ending) != std::end(kEndings);
}

bool is_picture_name(std::string_view name) {
  const size_t dot = name.rfind('.');
  return dot != std::string_view::npos && is_picture_ending(lower_case(name.substr(dot + 1)));
}

}  // namespace longclip
