// text/word_pattern.cpp -- CLIP's word pattern by hand: at each place the alternatives in their order.
// Ignoring case means simple case folding: in a text in lower case only U+017F (long s) still counts as another letter.
#include "text/word_pattern.h"

#include <unicode/uchar.h>

#include <array>
#include <cstdint>

#include "text/code_points.h"

namespace longclip {
namespace {

enum class Kind { kBlank, kLetter, kNumber, kOther };

Kind kind_of_ascii(uint8_t c) {
  if (c >= 'a' && c <= 'z') return Kind::kLetter;
  if (c >= '0' && c <= '9') return Kind::kNumber;
  return c == ' ' ? Kind::kBlank : Kind::kOther;
}

Kind kind_of(UChar32 c) {
  // U+0345, a mark, is a case of the letter iota: with case ignored "[^\p{L}]" does not take it, nor does "[\p{L}]"
  // (seen in the Python package regex, for this character alone). No alternative fits, so it parts words.
  if (c == 0x345) return Kind::kBlank;
  const uint32_t category = U_GET_GC_MASK(c);
  if ((category & U_GC_L_MASK) != 0) return Kind::kLetter;
  if ((category & U_GC_N_MASK) != 0) return Kind::kNumber;
  return u_isUWhiteSpace(c) ? Kind::kBlank : Kind::kOther;
}

/// Kind of the character at byte `at`, which moves behind it.
Kind step(std::string_view text, size_t& at) {
  const auto byte = static_cast<uint8_t>(text[at]);
  if (byte < 0x80) {
    ++at;
    return kind_of_ascii(byte);
  }
  return kind_of(static_cast<UChar32>(next_code_point(text, at).value_or(0xFFFD)));
}

/// Bytes that `pattern` takes at `start`, an 's' in it also as U+017F; 0 if it does not fit.
size_t match(std::string_view text, size_t start, std::string_view pattern) {
  constexpr std::string_view kLongS = "\xC5\xBF";
  size_t at = start;
  for (const char wanted : pattern) {
    if (at < text.size() && text[at] == wanted) {
      ++at;
    } else if (wanted == 's' && text.substr(at, 2) == kLongS) {
      at += 2;
    } else {
      return 0;
    }
  }
  return at - start;
}

/// Length of a special token or a contraction at `start`, or 0.
size_t fixed_word(std::string_view text, size_t start, bool take_special) {
  constexpr std::array<std::string_view, 7> kContractions{"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
  if (text[start] == '<' && take_special) {
    const size_t length = match(text, start, kStartOfText);
    return length > 0 ? length : match(text, start, kEndOfText);
  }
  if (text[start] != '\'') return 0;
  for (const std::string_view contraction : kContractions) {
    if (const size_t length = match(text, start, contraction)) return length;
  }
  return 0;
}

}  // namespace

std::string_view next_word(std::string_view text, size_t start, bool take_special) {
  size_t at = start;
  Kind kind = Kind::kBlank;
  while (at < text.size() && kind == Kind::kBlank) {
    start = at;
    kind = step(text, at);
  }
  if (kind == Kind::kBlank) return text.substr(text.size());
  if (const size_t length = fixed_word(text, start, take_special)) return text.substr(start, length);
  size_t end = at;
  while (kind != Kind::kNumber && at < text.size() && step(text, at) == kind) end = at;
  return text.substr(start, end - start);
}

}  // namespace longclip
