// text/sequence_rules.cpp -- builds the bit tables of text/sequence_rules.h. The ends of the classes' ranges cut
// Unicode into intervals whose characters no rule tells apart; each interval has one entry.
#include "text/sequence_rules.h"

#include <unicode/uniset.h>

#include <algorithm>
#include <bit>
#include <stdexcept>

#include "base/error.h"

namespace longclip {
namespace {

/// Characters `first` to `last` belong to the class at `position` of rule number `rule`.
struct Membership {
  char32_t first;
  char32_t last;
  size_t rule;
  size_t position;
};

void append_members(const std::string& pattern, size_t rule, size_t position, std::vector<Membership>& out) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::UnicodeSet members(icu::UnicodeString::fromUTF8(pattern), status);
  require<std::logic_error>(U_SUCCESS(status), "'{}' is not a character class: {}", pattern, u_errorName(status));
  for (int32_t i = 0; i < members.getRangeCount(); ++i) {
    out.push_back({static_cast<char32_t>(members.getRangeStart(i)), static_cast<char32_t>(members.getRangeEnd(i)), rule,
                   position});
  }
}

}  // namespace

SequenceRules::SequenceRules(const std::vector<Rule>& rules) {
  require<std::logic_error>(rules.size() <= 64, "{} sequence rules: at most 64 are possible", rules.size());
  std::vector<Membership> memberships;
  for (size_t r = 0; r < rules.size(); ++r) {
    const size_t length = rules[r].size();
    require<std::logic_error>(length >= 1 && length <= kLongest, "a sequence rule has 1 to {} classes, not {}",
                              kLongest, length);
    lengths_.push_back(length);
    for (size_t i = 0; i < length; ++i) append_members(rules[r][i], r, i, memberships);
    for (size_t i = length; i < kLongest; ++i) ended_[i] |= uint64_t{1} << r;
  }
  starts_.push_back(0);
  for (const Membership& range : memberships) starts_.insert(starts_.end(), {range.first, range.last + 1});
  std::sort(starts_.begin(), starts_.end());
  starts_.erase(std::unique(starts_.begin(), starts_.end()), starts_.end());
  signatures_.resize(starts_.size());
  for (const Membership& range : memberships) {
    const size_t end = interval(range.last);
    for (size_t i = interval(range.first); i <= end; ++i) signatures_[i][range.position] |= uint64_t{1} << range.rule;
  }
  interval_of_.reserve(kBmpSize);
  for (size_t i = 0; interval_of_.size() < kBmpSize; ++i) {
    const size_t end = i + 1 < starts_.size() ? std::min<size_t>(starts_[i + 1], kBmpSize) : kBmpSize;
    interval_of_.resize(end, static_cast<uint16_t>(i));
  }
}

size_t SequenceRules::interval(char32_t c) const {
  return static_cast<size_t>(std::upper_bound(starts_.begin(), starts_.end(), c) - starts_.begin()) - 1;
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
