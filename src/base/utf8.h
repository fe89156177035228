#pragma once
// base/utf8.h -- is this text valid UTF-8?

#include <string_view>

namespace longclip {

/// True if every byte belongs to a well-formed UTF-8 sequence (no overlong forms, no surrogates, at most U+10FFFF).
bool is_valid_utf8(std::string_view text);

}  // namespace longclip
