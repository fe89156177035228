// text/code_points.cpp -- decoders of text/code_points.h on ICU's U8_NEXT, which steps over one maximal subpart of
// a malformed sequence at a time, as the Unicode standard recommends and Python does.
#include "text/code_points.h"

#include <unicode/utf8.h>

#include <cstdint>

namespace longclip {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

uint8_t byte_at(std::string_view bytes, size_t at) {
  return at < bytes.size() ? static_cast<uint8_t>(bytes[at]) : uint8_t{0};
}

bool is_continuation(uint8_t byte) { return (byte & 0xC0) == 0x80; }

/// A surrogate in three bytes at `i`, or 0.
char32_t surrogate_at(std::string_view bytes, size_t i) {
  const uint8_t second = byte_at(bytes, i + 1);
  const uint8_t third = byte_at(bytes, i + 2);
  if (byte_at(bytes, i) != 0xED || second < 0xA0 || second > 0xBF || !is_continuation(third)) return 0;
  return 0xD000u | static_cast<char32_t>(second & 0x3F) << 6 | (third & 0x3Fu);
}

}  // namespace

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"  // inside ICU's macro
std::optional<char32_t> next_code_point(std::string_view utf8, size_t& at) {
  UChar32 c = 0;
  U8_NEXT(utf8.data(), at, utf8.size(), c);
  if (c < 0) return std::nullopt;
  return static_cast<char32_t>(c);
}
#pragma GCC diagnostic pop

std::u32string decode_utf8(std::string_view utf8) {
  std::u32string out;
  out.reserve(utf8.size());
  for (size_t i = 0; i < utf8.size();) {
    if (const uint8_t byte = byte_at(utf8, i); byte < 0x80) {
      out += byte;
      ++i;
    } else if (const char32_t surrogate = surrogate_at(utf8, i)) {
      out += surrogate;
      i += 3;
    } else {
      out += next_code_point(utf8, i).value_or(kReplacement);
    }
  }
  return out;
}

std::optional<std::u32string> decode_utf8_variants(std::string_view bytes) {
  std::u32string out;
  for (size_t i = 0; i < bytes.size();) {
    const char32_t high = surrogate_at(bytes, i);
    const char32_t low = surrogate_at(bytes, i + 3);
    // ftfy looks for C0 followed by 80 or "$", and in Python "$" also stands before a final line break.
    const bool java_null = byte_at(bytes, i) == 0xC0 &&
                           (byte_at(bytes, i + 1) == 0x80 || (byte_at(bytes, i + 1) == '\n' && i + 2 == bytes.size()));
    if (java_null) {
      out += U'\0';
      i += 2;
    } else if (high >= 0xD800 && high < 0xDC00 && low >= 0xDC00) {
      out += 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
      i += 6;
    } else if (const auto c = next_code_point(bytes, i)) {
      out += *c;
    } else {
      return std::nullopt;
    }
  }
  return out;
}

std::string encode_utf8(std::u32string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 2);
  for (const char32_t c : text) {
    if (c < 0x80) {
      out += static_cast<char>(c);
      continue;
    }
    char buffer[U8_MAX_LENGTH];
    int32_t length = 0;
    U8_APPEND_UNSAFE(buffer, length, c);
    out.append(buffer, static_cast<size_t>(length));
  }
  return out;
}

}  // namespace longclip
