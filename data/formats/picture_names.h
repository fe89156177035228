#pragma once
// data/formats/picture_names.h -- which file names are pictures, where nothing but the name tells.

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace longclip {

/// A name's ending in lower case, as ASCII.
inline std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return lower;
}

/// `ending` without the dot, in lower case.
inline bool is_picture_ending(std::string_view ending) {
  constexpr std::array<std::string_view, 12> kEndings = {"jpg", "jpeg", "jpe", "png",  "webp", "gif",
                                                         "bmp", "tif",  "pnm", "tiff", "ppm",  "pgm"};
  return std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
}

inline bool is_picture_name(std::string_view name) {
  const size_t dot = name.rfind('.');
  return dot != std::string_view::npos && is_picture_ending(lower_case(name.substr(dot + 1)));
}

}  // namespace longclip
