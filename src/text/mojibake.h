#pragma once
// text/mojibake.h -- ftfy's fix_encoding: finds text that was decoded in the wrong character set ("cafÃ©") and
// decodes it again ("café"). Its choice among character sets is a heuristic; CLIP's tokenizer relies on it.

#include <string>

namespace longclip {

/// ftfy 6.3.1's fix_encoding with its default settings. Text that does not look like mojibake comes back as it is.
std::u32string fix_encoding(std::u32string text);

}  // namespace longclip
