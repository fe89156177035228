#pragma once
// text/sequence_rules.h -- up to 64 short sequences of character classes, all tried at once at a place of a text.
// A small regular expression: one bit a rule, so that a place costs a table look-up and an "and" per character.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace longclip {

class SequenceRules {
 public:
  /// One rule: a class for each character, in ICU's UnicodeSet syntax ("[a-z\u00E0]"), at most seven.
  using Rule = std::vector<std::string>;

  explicit SequenceRules(const std::vector<Rule>& rules);

  /// Number of characters that the first fitting rule takes at `start`; 0 where none fits.
  size_t match_at(std::u32string_view text, size_t start) const;
  /// True if some rule fits somewhere.
  bool found_in(std::u32string_view text) const;

 private:
  static constexpr size_t kLongest = 7;
  static constexpr char32_t kBmpSize = 0x10000;
  /// [position]: the rules whose class at that position holds the character.
  using Signature = std::array<uint64_t, kLongest>;

  const Signature& signature(char32_t c) const { return signatures_[c < kBmpSize ? interval_of_[c] : interval(c)]; }
  size_t interval(char32_t c) const;
  uint64_t fitting_rules(std::u32string_view text, size_t start) const;

  std::vector<size_t> lengths_;        // [rule]
  Signature ended_{};                  // [position]: rules that have no character there
  std::vector<char32_t> starts_;       // [interval]: characters between two starts are alike to all rules
  std::vector<Signature> signatures_;  // [interval]
  std::vector<uint16_t> interval_of_;  // [BMP character]
};

}  // namespace longclip
