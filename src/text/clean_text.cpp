// text/clean_text.cpp -- CLIP's cleaning. Captions in plain ASCII, nearly all of them, need one pass over their bytes;
// the rest goes through the rules of ftfy on code points.
#include "text/clean_text.h"

#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/uchar.h>

#include <stdexcept>

#include "base/error.h"
#include "text/code_points.h"
#include "text/fix_text.h"
#include "text/html_entities.h"

namespace longclip {
namespace {

/// ICU and the tokenizer count bytes in 32 bits; cleaning makes a text at most a few times longer.
constexpr size_t kLongestText = size_t{1} << 28;

bool is_plain_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r'; }

/// Cleans a text of which ftfy would change no more than line breaks. False, with `out` unusable, for any other:
/// non-ASCII, control characters, or '&', which may start a character reference.
bool clean_plain_ascii(std::string_view text, std::string& out) {
  out.resize(text.size());
  char* end = out.data();
  bool blank_before = true;
  for (const char c : text) {
    if (is_plain_blank(c)) {
      if (!blank_before) *end++ = ' ';
      blank_before = true;
      continue;
    }
    if (c < 0x20 || c > 0x7E || c == '&') return false;
    *end++ = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    blank_before = false;
  }
  if (blank_before && end != out.data()) --end;
  out.resize(static_cast<size_t>(end - out.data()));
  return true;
}

/// Runs of Unicode white space become one blank; none is left at the ends.
std::u32string with_single_blanks(const std::u32string& text) {
  std::u32string out;
  out.reserve(text.size());
  for (const char32_t c : text) {
    if (!u_isUWhiteSpace(static_cast<UChar32>(c))) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += U' ';
    }
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

/// Lower case without a language's own rules: U+0130 gives two code points, a sigma at a word's end is final.
std::string lower_case(const std::string& utf8) {
  std::string out;
  out.reserve(utf8.size());
  icu::StringByteSink<std::string> sink(&out);
  UErrorCode status = U_ZERO_ERROR;
  icu::CaseMap::utf8ToLower("", 0, utf8, sink, nullptr, status);
  require<std::runtime_error>(U_SUCCESS(status), "ICU cannot lower the case of a text: {}", u_errorName(status));
  return out;
}

}  // namespace

std::string clean_text(std::string_view utf8) {
  require<DataError>(utf8.size() <= kLongestText, "a text of {} bytes: at most {} can be cleaned", utf8.size(),
                     kLongestText);
  std::string plain;
  if (clean_plain_ascii(utf8, plain)) return plain;
  std::u32string text = fix_text(decode_utf8(utf8));
  text = unescape_html(unescape_html(std::move(text)));
  return lower_case(encode_utf8(with_single_blanks(text)));
}

}  // namespace longclip
