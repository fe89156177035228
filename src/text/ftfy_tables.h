#pragma once
// text/ftfy_tables.h -- what ftfy knows about one-byte character sets and mojibake, read from ftfy_tables.txt.

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/sequence_rules.h"

namespace longclip {

/// A character set with one byte a character.
class Charmap {
 public:
  Charmap(std::string name, const std::u32string& upper_half);
  const std::string& name() const { return name_; }
  /// "sloppy" as ftfy calls it: bytes without meaning stand for themselves, and U+FFFD is byte 1A.
  bool is_sloppy() const { return name_.starts_with("sloppy"); }
  char32_t decode(uint8_t byte) const { return decode_[byte]; }
  /// The bytes of `text`, or nothing where a character has none.
  std::optional<std::string> encode(std::u32string_view text) const;

 private:
  std::string name_;
  std::array<char32_t, 256> decode_;
  std::vector<std::pair<char32_t, uint8_t>> encode_;  // sorted, characters from U+0080 on
};

struct FtfyTables {
  std::vector<Charmap> charmaps;  ///< in the order in which ftfy tries them; the first is Latin-1
  SequenceRules bad;              ///< sequences that look like mojibake
  SequenceRules bad_at_start;     ///< the same, only at the beginning of a text
  SequenceRules utf8_unit;        ///< a character of UTF-8 read as a one-byte character set
  SequenceRules altered_utf8;     ///< bytes that were UTF-8 before A0 became a blank
  SequenceRules lossy_utf8;       ///< bytes of UTF-8 of which some were lost
  std::u32string before_no_unit;  ///< members of utf8_continuation_strict, sorted: a unit after one is left alone
};

/// The tables, read at the first use. Safe to call from several threads.
const FtfyTables& ftfy_tables();

/// What Windows-1252 means by a byte; its holes stand for themselves.
char32_t windows_1252(uint8_t byte);

/// Calls `use` with every line that is not empty.
void for_each_line(std::string_view text, const std::function<void(std::string_view)>& use);
/// "00E9 0301" -> the two code points.
std::u32string parse_code_points(std::string_view hex_numbers);

}  // namespace longclip
