#pragma once
// text/fix_text.h -- ftfy.fix_text with its default settings, on code points: the first step of CLIP's cleaning.

#include <string>

namespace longclip {

/// ftfy 6.3.1's fix_text: line by line (at most a million characters each), every line until it stops changing.
/// From the first line with a '<' on, character references are left alone.
std::u32string fix_text(const std::u32string& text);

}  // namespace longclip
