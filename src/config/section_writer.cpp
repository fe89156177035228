// config/section_writer.cpp -- scalars as YAML text.
#include "config/section_writer.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "base/json.h"

namespace longclip {

std::string scalar_text(bool value) { return value ? "true" : "false"; }

std::string scalar_text(int64_t value) { return std::to_string(value); }

std::string scalar_text(double value) {
  std::array<char, 32> buffer;
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  std::string text(buffer.data(), end);
  const size_t exponent = text.find('e');  // some YAML readers take 1e-06 for a text and 1.0e-06 for a number
  if (exponent != std::string::npos && text.find('.') == std::string::npos) text.insert(exponent, ".0");
  return text;
}

std::string scalar_text(std::string_view value) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_.-";
  constexpr std::array<std::string_view, 12> kWords = {"null", "Null", "NULL", "true", "false", "yes",
                                                       "no",   "on",   "off",  "none", "y",     "n"};
  const bool plain = !value.empty() && (kLetters.find(value[0]) != std::string_view::npos || value[0] == '/') &&
                     value.find_first_not_of(kPlain) == std::string_view::npos &&
                     std::ranges::find(kWords, value) == kWords.end();
  return plain ? std::string(value) : to_json_line(Json(std::string(value)));  // a JSON string is a YAML string
}

std::string word_text(std::string_view word) {
  const auto is_plain = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.'; };
  return std::ranges::all_of(word, is_plain) ? std::string(word) : scalar_text(word);
}

}  // namespace longclip
