// text/sequence_rules.cpp -- builds the bit tables of text/sequence_rules.h. Characters that no rule tells apart share
// one signature. Outside the BMP the rules know only "word" or "not a word", so a BMP stand-in answers for them.
#include "text/sequence_rules.h"

#include <unicode/uchar.h>
#include <unicode/uniset.h>

#include <algorithm>
#include <bit>
#include <map>
#include <stdexcept>

#include "base/error.h"

namespace longclip {
namespace {

constexpr char32_t kBmpSize = 0x10000;
constexpr char32_t kWordStandIn = 0x4E00;   // a CJK ideograph
constexpr char32_t kOtherStandIn = 0x2603;  // SNOWMAN

}  // namespace

SequenceRules::SequenceRules(const std::vector<Rule>& rules) {
  require<std::logic_error>(rules.size() <= 64, "{} sequence rules: at most 64 are possible", rules.size());
  std::vector<Signature> by_character(kBmpSize);
  for (size_t r = 0; r < rules.size(); ++r) {
    const Rule& rule = rules[r];
    require<std::logic_error>(!rule.empty() && rule.size() <= kLongest, "a sequence rule has 1 to {} classes, not {}", kLongest, rule.size());
    lengths_.push_back(rule.size());
    const uint64_t bit = uint64_t{1} << r;
    for (size_t i = 0; i < rule.size(); ++i) add_class(rule[i], bit, i, by_character);
    for (size_t i = rule.size(); i < kLongest; ++i) ended_[i] |= bit;
  }
  std::map<Signature, uint16_t> known;
  for (const Signature& signature : by_character) {
    const auto [entry, is_new] = known.emplace(signature, static_cast<uint16_t>(signatures_.size()));
    if (is_new) signatures_.push_back(signature);
    signature_of_.push_back(entry->second);
  }
}

void SequenceRules::add_class(const std::string& pattern, uint64_t rule, size_t position, std::vector<Signature>& by_character) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::UnicodeSet members(icu::UnicodeString::fromUTF8(pattern), status);
  require<std::logic_error>(U_SUCCESS(status), "'{}' is not a character class: {}", pattern, u_errorName(status));
  for (int32_t range = 0; range < members.getRangeCount(); ++range) {
    const auto last = std::min<UChar32>(members.getRangeEnd(range), kBmpSize - 1);
    for (UChar32 c = members.getRangeStart(range); c <= last; ++c) by_character[static_cast<size_t>(c)][position] |= rule;
  }
}

const SequenceRules::Signature& SequenceRules::signature(char32_t c) const {
  if (c >= kBmpSize) {
    const bool word = (U_GET_GC_MASK(static_cast<UChar32>(c)) & (U_GC_L_MASK | U_GC_N_MASK)) != 0;
    c = word ? kWordStandIn : kOtherStandIn;
  }
  return signatures_[signature_of_[c]];
}

uint64_t SequenceRules::fitting_rules(std::u32string_view text, size_t start) const {
  uint64_t fitting = ~uint64_t{0};
  for (size_t i = 0; i < kLongest && fitting != 0; ++i) {
    const uint64_t here = start + i < text.size() ? signature(text[start + i])[i] : 0;
    fitting &= here | ended_[i];
  }
  return fitting;
}

size_t SequenceRules::match_at(std::u32string_view text, size_t start) const {
  const uint64_t fitting = fitting_rules(text, start);
  return fitting == 0 ? 0 : lengths_[static_cast<size_t>(std::countr_zero(fitting))];
}

bool SequenceRules::found_in(std::u32string_view text) const {
  for (size_t start = 0; start < text.size(); ++start) {
    if (fitting_rules(text, start) != 0) return true;
  }
  return false;
}

}  // namespace longclip
