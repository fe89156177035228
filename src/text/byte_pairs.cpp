// text/byte_pairs.cpp -- the merges of text/byte_pairs.h, applied with a heap over a linked list of symbols, so that a
// word of a million bytes costs no more than many short ones.
#include "text/byte_pairs.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <stdexcept>
#include <unordered_map>

#include "base/error.h"
#include "text/code_points.h"
#include "text/ftfy_tables.h"

namespace longclip {
namespace {

constexpr int32_t kBytes = 256;
constexpr std::string_view kWordEnd = "</w>";

/// Bytes that CLIP's alphabet spells as themselves (simple_tokenizer.py, bytes_to_unicode): printable Latin-1.
bool is_printable(int32_t byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

/// A part of a word that is not merged further yet.
struct Symbol {
  int32_t id;  // -1: merged into its left neighbour
  int32_t previous;
  int32_t next;
};

constexpr int32_t kNone = -1;

uint64_t pair_key(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

size_t slot_of(uint64_t pair, size_t slots) { return (pair * 0x9E3779B97F4A7C15u >> 32) & (slots - 1); }

}  // namespace

BytePairs::BytePairs(std::string_view merges_text) : byte_ids_(kBytes) {
  // CLIP numbers the printable bytes first, then the others, which it spells as U+0100, U+0101, ...
  char32_t next_letter = 0x100;
  for (const bool printable : {true, false}) {
    for (int32_t byte = 0; byte < kBytes; ++byte) {
      if (is_printable(byte) != printable) continue;
      byte_ids_[static_cast<size_t>(byte)] = static_cast<int32_t>(vocabulary_.size());
      const char32_t letter = printable ? static_cast<char32_t>(byte) : next_letter++;
      vocabulary_.push_back(encode_utf8({&letter, 1}));
    }
  }
  for (size_t i = 0; i < kBytes; ++i) vocabulary_.push_back(vocabulary_[i] + std::string(kWordEnd));

  for_each_line(merges_text, [this](std::string_view line) { merges_.emplace_back(line); });
  size_t slots = 1024;
  while (slots < 2 * merges_.size()) slots *= 2;
  table_.resize(slots);

  std::unordered_map<std::string, int32_t> ids;
  ids.reserve(vocabulary_.size() + merges_.size());
  for (const std::string& spelling : vocabulary_) ids.emplace(spelling, static_cast<int32_t>(ids.size()));
  for (const std::string& merge : merges_) {
    const size_t blank = std::min(merge.find(' '), merge.size() - 1);
    const auto left = ids.find(merge.substr(0, blank));
    const auto right = ids.find(merge.substr(blank + 1));
    require<std::logic_error>(left != ids.end() && right != ids.end(), "merge '{}': a part is not known yet", merge);
    const auto result = static_cast<int32_t>(vocabulary_.size());
    vocabulary_.push_back(left->first + right->first);
    add_merge(left->second, right->second, result);
    require<std::logic_error>(ids.emplace(vocabulary_.back(), result).second, "merge '{}': its result is there already",
                              merge);
  }
}

void BytePairs::add_merge(int32_t left, int32_t right, int32_t result) {
  const uint64_t pair = pair_key(left, right);
  size_t slot = slot_of(pair, table_.size());
  while (table_[slot].result != 0) slot = (slot + 1) & (table_.size() - 1);
  table_[slot] = {pair, result};
}

int32_t BytePairs::merged(int32_t left, int32_t right) const {
  const uint64_t pair = pair_key(left, right);
  for (size_t slot = slot_of(pair, table_.size()); table_[slot].result != 0; slot = (slot + 1) & (table_.size() - 1)) {
    if (table_[slot].pair == pair) return table_[slot].result;
  }
  return kNone;
}

void BytePairs::encode(std::string_view word, std::vector<int32_t>& ids) const {
  const auto size = static_cast<int32_t>(word.size());
  std::vector<Symbol> symbols(word.size());
  for (int32_t i = 0; i < size; ++i) {
    const auto at = static_cast<size_t>(i);
    symbols[at] = {byte_ids_[static_cast<unsigned char>(word[at])], i - 1, i + 1 < size ? i + 1 : kNone};
  }
  symbols.back().id += kBytes;

  // Result id (its order is the rank) above, place of the left symbol below: the best and leftmost merge comes first.
  std::priority_queue<uint64_t, std::vector<uint64_t>, std::greater<>> candidates;
  const auto propose = [&](int32_t left) {
    const Symbol& symbol = symbols[static_cast<size_t>(left)];
    if (symbol.next == kNone) return;
    const int32_t result = merged(symbol.id, symbols[static_cast<size_t>(symbol.next)].id);
    if (result != kNone) candidates.push(pair_key(result, left));
  };
  for (int32_t i = 0; i < size; ++i) propose(i);

  while (!candidates.empty()) {
    const auto result = static_cast<int32_t>(candidates.top() >> 32);
    const auto place = static_cast<int32_t>(candidates.top() & 0xFFFFFFFFu);
    candidates.pop();
    Symbol& left = symbols[static_cast<size_t>(place)];
    if (left.id == kNone || left.next == kNone) continue;  // outdated: a neighbour was faster
    Symbol& right = symbols[static_cast<size_t>(left.next)];
    if (merged(left.id, right.id) != result) continue;
    left.id = result;
    right.id = kNone;
    left.next = right.next;
    if (left.next != kNone) symbols[static_cast<size_t>(left.next)].previous = place;
    propose(place);
    if (left.previous != kNone) propose(left.previous);
  }
  for (int32_t i = 0; i != kNone; i = symbols[static_cast<size_t>(i)].next)
    ids.push_back(symbols[static_cast<size_t>(i)].id);
}

}  // namespace longclip
