// text/html_entities.cpp -- character references as Python 3.11's html.unescape and ftfy 6.3.1's unescape_html do it.
// Both are single left-to-right passes; their regular expressions are quoted beside the functions.
#include "text/html_entities.h"

#include <algorithm>
#include <unordered_map>

#include "text/embedded_text.h"
#include "text/ftfy_tables.h"

namespace longclip {
namespace {

struct Entity {
  std::u32string text;
  bool only_ftfy = false;
};

/// Name (with its semicolon, if it has one) -> characters.
using Entities = std::unordered_map<std::string, Entity>;

Entities read_entities() {
  Entities entities;
  for_each_line(html_entities_text(), [&](std::string_view line) {
    const size_t blank = line.find(' ');
    std::string_view name = line.substr(0, blank);
    const bool only_ftfy = name.front() == '~';
    if (only_ftfy) name.remove_prefix(1);
    entities.emplace(name, Entity{parse_code_points(line.substr(blank + 1)), only_ftfy});
  });
  return entities;
}

const Entity* find_entity(std::u32string_view name) {
  static const Entities entities = read_entities();
  std::string key;
  for (const char32_t c : name) {
    if (c >= 0x80) return nullptr;
    key += static_cast<char>(c);
  }
  const auto found = entities.find(key);
  return found == entities.end() ? nullptr : &found->second;
}

bool is_digit(char32_t c) { return c >= '0' && c <= '9'; }
bool is_hex(char32_t c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_ascii_word(char32_t c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

template <class Predicate> size_t end_of_run(std::u32string_view text, size_t start, Predicate wanted) {
  const auto end = std::find_if_not(text.begin() + static_cast<std::ptrdiff_t>(start), text.end(), wanted);
  return static_cast<size_t>(end - text.begin());
}

/// Python's tables _invalid_charrefs and _invalid_codepoints.
void append_number(uint32_t number, std::u32string& out) {
  const bool control =
      (number >= 0x01 && number <= 0x08) || number == 0x0B || (number >= 0x0E && number <= 0x1F) || number == 0x7F;
  const bool nonchar = (number >= 0xFDD0 && number <= 0xFDEF) || (number & 0xFFFE) == 0xFFFE;
  if (number == 0 || (number >= 0xD800 && number <= 0xDFFF) || number > 0x10FFFF) {
    out += U'\uFFFD';
  } else if (number >= 0x80 && number <= 0x9F) {
    out += windows_1252(static_cast<uint8_t>(number));
  } else if (!control && !nonchar) {
    out += static_cast<char32_t>(number);
  }
}

/// "&#[0-9]+;?" or "&#[xX][0-9a-fA-F]+;?" at `start`: appends the character and returns the end, or returns `start`.
size_t numeric_reference(std::u32string_view text, size_t start, std::u32string& out) {
  size_t first = start + 2;
  const bool hex = first < text.size() && (text[first] == 'x' || text[first] == 'X');
  if (hex) ++first;
  size_t end = hex ? end_of_run(text, first, is_hex) : end_of_run(text, first, is_digit);
  if (end == first) return start;
  uint32_t number = 0;
  for (size_t i = first; i < end && number <= 0x10FFFF; ++i) {
    const char32_t c = text[i];
    const uint32_t digit = is_digit(c) ? c - '0' : (c | 0x20u) - 'a' + 10;
    number = number * (hex ? 16 : 10) + digit;
  }
  append_number(number, out);
  if (end < text.size() && text[end] == ';') ++end;
  return end;
}

/// "&[^\t\n\f <&#;]{1,32};?" at `start`: the longest known name at its beginning. Same result as numeric_reference.
size_t named_reference(std::u32string_view text, size_t start, std::u32string& out) {
  const auto in_name = [](char32_t c) {
    return c != '\t' && c != '\n' && c != '\f' && c != ' ' && c != '<' && c != '&' && c != '#' && c != ';';
  };
  const size_t first = start + 1;
  size_t end = end_of_run(text.substr(0, std::min(text.size(), first + 32)), first, in_name);
  if (end == first) return start;
  if (end < text.size() && text[end] == ';') ++end;
  for (size_t length = end - first; length > 0; --length) {
    const bool shortened = length < end - first;
    if (shortened && length < 2) break;
    const Entity* entity = find_entity(text.substr(first, length));
    if (entity == nullptr || entity->only_ftfy) continue;
    out += entity->text;
    return first + length;
  }
  return start;
}

/// Replaces what `reference(text, at, out)` knows at each '&'.
template <class Reference> std::u32string replace_references(std::u32string text, Reference reference) {
  size_t at = text.find(U'&');
  if (at == std::u32string::npos) return text;
  std::u32string out;
  out.reserve(text.size());
  size_t done = 0;
  while (at != std::u32string::npos) {
    out.append(text, done, at - done);
    done = reference(text, at, out);
    if (done == at) out += text[done++];
    at = text.find(U'&', done);
  }
  out.append(text, done);
  return out;
}

size_t browser_reference(std::u32string_view text, size_t start, std::u32string& out) {
  const bool numeric = start + 1 < text.size() && text[start + 1] == '#';
  return numeric ? numeric_reference(text, start, out) : named_reference(text, start, out);
}

/// "&#?[0-9A-Za-z]{1,24};" at `start`.
size_t careful_reference(std::u32string_view text, size_t start, std::u32string& out) {
  const bool numeric = start + 1 < text.size() && text[start + 1] == '#';
  const size_t first = start + (numeric ? 2 : 1);
  const size_t end = end_of_run(text, first, is_ascii_word);
  if (end == first || end - first > 24 || end == text.size() || text[end] != ';') return start;
  if (!numeric) {
    const Entity* entity = find_entity(text.substr(first, end + 1 - first));
    if (entity == nullptr) return start;
    out += entity->text;
    return end + 1;
  }
  // Only if the number uses up everything: ftfy keeps the reference where a semicolon is left over or comes out.
  std::u32string character;
  if (numeric_reference(text, start, character) != end + 1 || character == U";") return start;
  out += character;
  return end + 1;
}

}  // namespace

std::u32string unescape_html(std::u32string text) { return replace_references(std::move(text), browser_reference); }

std::u32string unescape_html_carefully(std::u32string text) {
  return replace_references(std::move(text), careful_reference);
}

}  // namespace longclip
