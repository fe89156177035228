#pragma once
// image/picture_names.h -- which file names are pictures, where nothing but the name tells (folders, archives).

#include <string>
#include <string_view>

namespace longclip {

/// ASCII letters in lower case.
std::string lower_case(std::string_view text);
/// True for "jpg", "png", ...: an ending without its dot, in lower case, of a format that decode_picture() reads.
bool is_picture_ending(std::string_view ending);
/// Whether what stands behind the last dot is such an ending, in letters of any case.
bool is_picture_name(std::string_view name);

}  // namespace longclip
