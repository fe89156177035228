#pragma once
// text/clean_text.h -- what CLIP does to a text before it cuts it into words (clip/simple_tokenizer.py: basic_clean,
// whitespace_clean, lower).

#include <string>
#include <string_view>

namespace longclip {

/// ftfy.fix_text, html.unescape twice, runs of white space to one blank, none at the ends, lower case (full Unicode
/// mapping, as Python). Invalid UTF-8 becomes U+FFFD. The result is valid UTF-8. Throws DataError above 256 MiB.
std::string clean_text(std::string_view utf8);

}  // namespace longclip
