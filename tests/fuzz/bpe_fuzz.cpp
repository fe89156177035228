// tests/fuzz/bpe_fuzz.cpp -- any bytes as a file of merges, with a word to encode in its first line: the ids spell the word,
// and are those of CLIP's own way, round after round (simple_tokenizer.py, bpe).
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/byte_pairs.h"

namespace {

constexpr int32_t kBytes = 256;
constexpr std::string_view kWordEnd = "</w>";

using Ids = std::vector<int32_t>;

void check(bool condition) {
  if (!condition) std::abort();
}

/// Every round: the best pair of the word is merged wherever it stands, from left to right.
Ids round_after_round(const longclip::BytePairs& pairs, const std::string& word) {
  const auto& spellings = pairs.vocabulary();
  std::map<std::string_view, int32_t> ids;
  for (const std::string& spelling : spellings) ids.emplace(spelling, static_cast<int32_t>(ids.size()));
  std::map<std::pair<int32_t, int32_t>, int32_t> merges;
  for (const std::string& merge : pairs.merges()) {
    const size_t blank = merge.find(' ');
    const auto left = ids.at(std::string_view(merge).substr(0, blank)), right = ids.at(std::string_view(merge).substr(blank + 1));
    merges.emplace(std::pair(left, right), static_cast<int32_t>(2 * kBytes + merges.size()));
  }
  Ids parts;
  for (const char byte : word) pairs.encode(std::string(1, byte), parts);  // as the end of a word
  for (size_t i = 0; i + 1 < parts.size(); ++i) parts[i] -= kBytes;
  for (;;) {
    int32_t best = INT32_MAX;
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      const auto found = merges.find({parts[i], parts[i + 1]});
      if (found != merges.end()) best = std::min(best, found->second);
    }
    if (best == INT32_MAX) return parts;
    Ids merged;
    for (size_t i = 0; i < parts.size(); ++i) {
      const auto found = i + 1 < parts.size() ? merges.find({parts[i], parts[i + 1]}) : merges.end();
      const bool is_best = found != merges.end() && found->second == best;
      merged.push_back(is_best ? best : parts[i]);
      if (is_best) ++i;
    }
    parts = merged;
  }
}

/// Nothing if a merge is of what is not there.
std::optional<longclip::BytePairs> read_merges(std::string_view text) {
  try {
    return longclip::BytePairs(text);
  } catch (const std::logic_error&) {
    return {};  // refused: the other good end
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t line_end = std::min(text.find('\n'), std::min<size_t>(text.size(), 64));  // rounds take square time
  const std::string word(text.substr(0, line_end));
  const auto pairs = read_merges(text.substr(std::min(line_end + 1, text.size())));
  if (!pairs) return 0;
  check(pairs->vocabulary().size() == 2 * kBytes + pairs->merges().size());
  if (word.empty()) return 0;
  Ids ids, bytes;
  pairs->encode(word, ids);
  check(ids == round_after_round(*pairs, word));
  std::string spelled, wanted;
  for (const int32_t id : ids) spelled += pairs->vocabulary().at(static_cast<size_t>(id));
  for (const char byte : word) pairs->encode(std::string(1, byte), bytes);
  for (const int32_t id : bytes) wanted += pairs->vocabulary().at(static_cast<size_t>(id - kBytes));
  check(spelled == wanted + std::string(kWordEnd));
  return 0;
}
