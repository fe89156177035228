#pragma once
// text/word_pattern.h -- CLIP's regular expression that cuts a cleaned text into words:
// <\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+  (case ignored)

#include <string_view>

namespace longclip {

inline constexpr std::string_view kStartOfText = "<|startoftext|>";
inline constexpr std::string_view kEndOfText = "<|endoftext|>";

/// The first word of `text` (valid UTF-8 in lower case) at or after byte `start`; empty, at the end of the text, if
/// there is none. Without `take_special` the two special tokens are cut like other text.
std::string_view next_word(std::string_view text, size_t start, bool take_special);

}  // namespace longclip
