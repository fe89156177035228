// text/fix_text.cpp -- the fixes of ftfy 6.3.1 (ftfy/__init__.py, fixes.py, chardata.py; Apache License 2.0, see
// ftfy_tables.NOTICE) in its order. Those that replace single characters are one pass here: none undoes another.
#include "text/fix_text.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>

#include "base/error.h"
#include "text/ftfy_tables.h"
#include "text/html_entities.h"
#include "text/mojibake.h"

namespace longclip {
namespace {

/// ftfy's max_decode_length.
constexpr size_t kLongestSegment = 1'000'000;
/// ftfy repeats without a bound; a line that still changes after so many passes is an attack ("&amp;amp;amp;...").
constexpr int kMaxPasses = 100;
/// Below it every character is its own NFC form and starts a new one.
constexpr char32_t kFirstComposing = 0x300;

struct Ligature {
  char32_t character;
  std::u32string_view letters;
};

/// ftfy.chardata.LIGATURES, sorted.
constexpr std::array<Ligature, 22> kLigatures{{
    {0x0132, U"IJ"},      {0x0133, U"ij"}, {0x0149, U"\u02BCn"}, {0x01C4, U"D\u017D"}, {0x01C5, U"D\u017E"},
    {0x01C6, U"d\u017E"}, {0x01C7, U"LJ"}, {0x01C8, U"Lj"},      {0x01C9, U"lj"},      {0x01CA, U"NJ"},
    {0x01CB, U"Nj"},      {0x01CC, U"nj"}, {0x01F1, U"DZ"},      {0x01F2, U"Dz"},      {0x01F3, U"dz"},
    {0xFB00, U"ff"},      {0xFB01, U"fi"}, {0xFB02, U"fl"},      {0xFB03, U"ffi"},     {0xFB04, U"ffl"},
    {0xFB05, U"\u017Ft"}, {0xFB06, U"st"},
}};

constexpr char32_t kFirstWide = 0xFF01;
constexpr char32_t kLastWide = 0xFFEF;

icu::UnicodeString to_utf16(std::u32string_view text) {
  return icu::UnicodeString::fromUTF32(reinterpret_cast<const UChar32*>(text.data()),
                                       static_cast<int32_t>(text.size()));
}

std::u32string from_utf16(const icu::UnicodeString& text) {
  std::u32string out(static_cast<size_t>(text.countChar32()), U'\0');
  UErrorCode status = U_ZERO_ERROR;
  text.toUTF32(reinterpret_cast<UChar32*>(out.data()), static_cast<int32_t>(out.size()), status);
  // A full buffer without room for a terminator is a warning, not a failure.
  require<std::runtime_error>(U_SUCCESS(status), "ICU cannot convert a text: {}", u_errorName(status));
  return out;
}

/// Normal form by ICU: "nfc" or "nfkc".
std::u32string normalized(std::u32string_view text, bool compatibility) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* form =
      compatibility ? icu::Normalizer2::getNFKCInstance(status) : icu::Normalizer2::getNFCInstance(status);
  require<std::runtime_error>(U_SUCCESS(status), "ICU has no normal forms: {}", u_errorName(status));
  const icu::UnicodeString result = form->normalize(to_utf16(text), status);
  require<std::runtime_error>(U_SUCCESS(status), "ICU cannot normalize a text: {}", u_errorName(status));
  return from_utf16(result);
}

/// Full-width and half-width forms in their usual width: ftfy.chardata.WIDTH_MAP without U+3000.
const std::u32string& usual_width(char32_t c) {
  static const auto forms = [] {
    std::array<std::u32string, kLastWide - kFirstWide + 1> all;
    for (char32_t wide = kFirstWide; wide <= kLastWide; ++wide) all[wide - kFirstWide] = normalized({&wide, 1}, true);
    return all;
  }();
  return forms[c - kFirstWide];
}

bool is_surrogate(char32_t c) { return c >= 0xD800 && c <= 0xDFFF; }

/// Everything that append_fixed does not simply copy.
bool needs_fix(char32_t c) {
  if (c < 0x80) return c == '\r';
  if (c < 0x132) return c <= 0x9F;
  if (c < 0x2018) return c <= 0x149 || (c >= 0x1C4 && c <= 0x1F3) || c == 0x2BC;
  if (c < 0xD800) return c <= 0x201F || c == 0x2028 || c == 0x2029 || c == 0x3000;
  return is_surrogate(c) || (c >= 0xFB00 && c <= 0xFB06) || (c >= kFirstWide && c <= kLastWide);
}

/// fix_c1_controls, fix_latin_ligatures, fix_character_width, uncurl_quotes and the one-character part of
/// fix_line_breaks, in this order, for one character.
void append_fixed(char32_t c, std::u32string& out) {
  if (c >= 0x80 && c <= 0x9F) c = windows_1252(static_cast<uint8_t>(c));
  const auto ligature =
      std::lower_bound(kLigatures.begin(), kLigatures.end(), c,
                       [](const Ligature& entry, char32_t wanted) { return entry.character < wanted; });
  if (ligature != kLigatures.end() && ligature->character == c) {
    for (const char32_t letter : ligature->letters) append_fixed(letter, out);
  } else if (c >= kFirstWide && c <= kLastWide) {
    out += usual_width(c);
  } else if (c == 0x3000) {
    out += U' ';
  } else if (c == 0x2BC || (c >= 0x2018 && c <= 0x201B)) {
    out += U'\'';
  } else if (c >= 0x201C && c <= 0x201F) {
    out += U'"';
  } else if (c == '\r' || c == 0x2028 || c == 0x2029) {
    out += U'\n';
  } else {
    out += c;
  }
}

void fix_characters(std::u32string& text) {
  const auto first = std::find_if(text.begin(), text.end(), needs_fix);
  if (first == text.end()) return;
  std::u32string out(text.begin(), first);
  out.reserve(text.size());
  for (auto i = static_cast<size_t>(first - text.begin()); i < text.size(); ++i) {
    const char32_t c = text[i];
    const char32_t next = i + 1 < text.size() ? text[i + 1] : 0;
    if (c == '\r' && next == '\n') continue;  // the line feed stays
    if (!is_surrogate(c)) {
      append_fixed(c, out);
    } else if (c < 0xDC00 && next >= 0xDC00 && is_surrogate(next)) {
      out += 0x10000 + ((c - 0xD800) << 10) + (next - 0xDC00);
      ++i;
    } else {
      out += U'\uFFFD';
    }
  }
  text = std::move(out);
}

/// Removes "\033\[((?:\d|;)*)([a-zA-Z])", where \d is any decimal digit of Unicode.
void remove_terminal_escapes(std::u32string& text) {
  size_t at = text.find(U"\033[");
  if (at == std::u32string::npos) return;
  std::u32string out;
  size_t done = 0;
  while (at != std::u32string::npos) {
    size_t end = at + 2;
    while (end < text.size() && (text[end] == ';' || u_isdigit(static_cast<UChar32>(text[end])))) ++end;
    const bool closed =
        end < text.size() && ((text[end] >= 'a' && text[end] <= 'z') || (text[end] >= 'A' && text[end] <= 'Z'));
    if (closed) {
      out.append(text, done, at - done);
      done = end + 1;
    }
    at = text.find(U"\033[", end);
  }
  out.append(text, done);
  text = std::move(out);
}

/// ftfy.chardata.CONTROL_CHARS.
bool is_control(char32_t c) {
  if (c < 0x20) return c != '\t' && c != '\n' && c != '\f' && c != '\r';
  return c == 0x7F || (c >= 0x206A && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFC);
}

/// Puts each run of combining marks into canonical order. Normalization does that too, but by insertion: a run of a
/// hundred thousand marks would take it minutes.
void order_marks(std::u32string& text) {
  const auto combining_class = [](char32_t c) { return u_getCombiningClass(static_cast<UChar32>(c)); };
  for (auto start = text.begin(); start != text.end();) {
    const auto end = std::find_if(start, text.end(), [&](char32_t c) { return combining_class(c) == 0; });
    std::stable_sort(start, end, [&](char32_t a, char32_t b) { return combining_class(a) < combining_class(b); });
    start = end == text.end() ? end : end + 1;
  }
}

void compose(std::u32string& text) {
  const bool composed = std::all_of(text.begin(), text.end(), [](char32_t c) { return c < kFirstComposing; });
  if (composed) return;
  order_marks(text);
  text = normalized(text, false);
}

/// ftfy's fix_and_explain.
std::u32string fix_segment(std::u32string text, bool decode_references) {
  for (int pass = 0; pass < kMaxPasses; ++pass) {
    const std::u32string before = text;
    if (decode_references) text = unescape_html_carefully(std::move(text));
    text = fix_encoding(std::move(text));
    fix_characters(text);
    remove_terminal_escapes(text);
    std::erase_if(text, is_control);
    compose(text);
    if (text == before) break;
  }
  return text;
}

}  // namespace

std::u32string fix_text(const std::u32string& text) {
  std::u32string out;
  out.reserve(text.size());
  bool decode_references = true;
  for (size_t start = 0; start < text.size();) {
    const size_t line_feed = text.find(U'\n', start);
    const size_t line_end = line_feed == std::u32string::npos ? text.size() : line_feed + 1;
    const size_t length = std::min(line_end - start, kLongestSegment);
    std::u32string segment = text.substr(start, length);
    if (segment.find(U'<') != std::u32string::npos) decode_references = false;
    out += fix_segment(std::move(segment), decode_references);
    start += length;
  }
  return out;
}

}  // namespace longclip
