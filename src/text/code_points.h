#pragma once
// text/code_points.h -- UTF-8 in and out of code points. Cleaning works on code points because ftfy's rules do;
// plain ASCII captions never come here.

#include <optional>
#include <string>
#include <string_view>

namespace longclip {

/// Code points of `utf8`. Malformed bytes become U+FFFD, one for each maximal subpart, as Python's errors="replace".
/// Surrogates written as three bytes come out as surrogates, so that ftfy's rule for them can join a pair.
std::u32string decode_utf8(std::string_view utf8);

/// ftfy's "utf-8-variants": strict UTF-8 that also takes CESU-8 pairs and Java's C0 80; nothing where it is not that.
std::optional<std::u32string> decode_utf8_variants(std::string_view bytes);

/// The character at byte `at`, which moves behind it: behind one maximal subpart where it is malformed (no value).
std::optional<char32_t> next_code_point(std::string_view utf8, size_t& at);

/// UTF-8 of code points without surrogates.
std::string encode_utf8(std::u32string_view text);

}  // namespace longclip
