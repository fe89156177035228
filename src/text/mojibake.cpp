// text/mojibake.cpp -- the steps of ftfy 6.3.1's fix_encoding (ftfy/__init__.py, fixes.py; Apache License 2.0, see
// ftfy_tables.NOTICE), in its order. Rare in captions: clarity first.
#include "text/mojibake.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "text/code_points.h"
#include "text/ftfy_tables.h"

namespace longclip {
namespace {

/// ftfy repeats until nothing changes; a text that still changes after so many passes is an attack, not a caption.
constexpr int kMaxPasses = 100;

bool is_bad(std::u32string_view text) {
  const FtfyTables& tables = ftfy_tables();
  return tables.bad.found_in(text) || tables.bad_at_start.match_at(text, 0) > 0;
}

std::u32string as_characters(std::string_view bytes) {
  std::u32string out;
  out.reserve(bytes.size());
  for (const char byte : bytes) out += static_cast<unsigned char>(byte);
  return out;
}

/// Replaces each sequence that `rules` find in `bytes` by what `replacement` makes of it.
template <class Replacement>
std::string replace_sequences(const SequenceRules& rules, const std::string& bytes, Replacement replacement) {
  const std::u32string characters = as_characters(bytes);
  std::string out;
  for (size_t i = 0; i < bytes.size();) {
    const size_t length = rules.match_at(characters, i);
    if (length == 0) {
      out += bytes[i++];
      continue;
    }
    out += replacement(bytes.substr(i, length));
    i += length;
  }
  return out;
}

/// "\xc3 (?! |quele|quela|quilo|s )" -> "\xc3\xa0 ": the word "à" between blanks.
std::string restore_a_grave(const std::string& bytes) {
  constexpr std::array<std::string_view, 5> kNotAfter{" ", "quele", "quela", "quilo", "s "};
  const std::string_view all = bytes;
  std::string out;
  for (size_t i = 0; i < all.size();) {
    const std::string_view after = all.substr(std::min(i + 2, all.size()));
    const bool fits =
        all.substr(i, 2) == "\xc3 " && std::none_of(kNotAfter.begin(), kNotAfter.end(),
                                                    [&](std::string_view word) { return after.starts_with(word); });
    out += fits ? std::string("\xc3\xa0 ") : std::string(1, all[i]);
    i += fits ? 2 : 1;
  }
  return out;
}

/// Some program took byte A0 for a kind of blank and made it 20; puts it back where UTF-8 needs it.
std::string restore_byte_a0(const std::string& bytes) {
  return replace_sequences(ftfy_tables().altered_utf8, restore_a_grave(bytes), [](std::string sequence) {
    std::replace(sequence.begin(), sequence.end(), ' ', '\xa0');
    return sequence;
  });
}

/// The text as the UTF-8 that it was before somebody read it as `charmap`.
std::optional<std::u32string> decode_again(std::u32string_view text, const Charmap& charmap) {
  std::optional<std::string> bytes = charmap.encode(text);
  if (!bytes) return std::nullopt;
  if (charmap.name() != "macroman" && ftfy_tables().altered_utf8.found_in(as_characters(*bytes))) {
    bytes = restore_byte_a0(*bytes);
  }
  if (charmap.is_sloppy()) {
    bytes = replace_sequences(ftfy_tables().lossy_utf8, *bytes, [](const std::string&) { return "\xef\xbf\xbd"; });
  }
  return decode_utf8_variants(*bytes);
}

/// Repairs runs of characters that look like UTF-8 in a wrong character set, each for itself.
std::u32string decode_inconsistent_utf8(const std::u32string& text) {
  const FtfyTables& tables = ftfy_tables();
  std::u32string out;
  for (size_t i = 0; i < text.size();) {
    const bool blocked =
        i > 0 && std::binary_search(tables.before_no_unit.begin(), tables.before_no_unit.end(), text[i - 1]);
    size_t end = i;
    while (!blocked) {
      const size_t length = tables.utf8_unit.match_at(text, end);
      if (length == 0) break;
      end += length;
    }
    if (end == i) {
      out += text[i++];
      continue;
    }
    std::u32string run = text.substr(i, end - i);
    out += run.size() < text.size() && is_bad(run) ? fix_encoding(run) : run;
    i = end;
  }
  return out;
}

/// Latin-1 text that was meant as Windows-1252, if it has no character that Windows-1252 lacks.
std::optional<std::u32string> latin1_as_windows_1252(const std::u32string& text) {
  std::u32string out;
  for (const char32_t c : text) {
    if (c > 0xFF || c == 0x81 || c == 0x8D || c == 0x8F || c == 0x90 || c == 0x9D) return std::nullopt;
    out += c >= 0x80 && c <= 0x9F ? windows_1252(static_cast<uint8_t>(c)) : c;
  }
  return out;
}

std::u32string fix_c1_controls(std::u32string text) {
  for (char32_t& c : text) {
    if (c >= 0x80 && c <= 0x9F) c = windows_1252(static_cast<uint8_t>(c));
  }
  return text;
}

/// ftfy's _fix_encoding_one_step_and_explain.
std::u32string fix_encoding_once(const std::u32string& text) {
  if (!is_bad(text)) return text;
  for (const Charmap& charmap : ftfy_tables().charmaps) {
    if (const auto fixed = decode_again(text, charmap)) return *fixed;
  }
  if (std::u32string fixed = decode_inconsistent_utf8(text); fixed != text) return fixed;
  if (const auto fixed = latin1_as_windows_1252(text); fixed && *fixed != text) return *fixed;
  return fix_c1_controls(text);
}

}  // namespace

std::u32string fix_encoding(std::u32string text) {
  const bool ascii = std::all_of(text.begin(), text.end(), [](char32_t c) { return c < 0x80; });
  if (ascii) return text;
  for (int pass = 0; pass < kMaxPasses; ++pass) {
    std::u32string fixed = fix_encoding_once(text);
    if (fixed == text) break;
    text = std::move(fixed);
  }
  return text;
}

}  // namespace longclip
