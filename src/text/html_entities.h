#pragma once
// text/html_entities.h -- the two ways in which CLIP's cleaning decodes "&eacute;", "&#233;" and "&#xE9;":
// ftfy's careful one and Python's html.unescape, which follows browsers.

#include <string>
#include <string_view>

namespace longclip {

/// Python's html.unescape: names without semicolon too, by longest prefix ("&notit;" is "¬it;"), the numbers of
/// Windows-1252, nothing for numbers that stand for no character.
std::u32string unescape_html(std::u32string text);

/// ftfy's unescape_html: only references that end in a semicolon, and some names in capitals ("&EACUTE;" is "É").
std::u32string unescape_html_carefully(std::u32string text);

}  // namespace longclip
