// text/tokenizer.cpp -- CLIP's word pattern (clip/simple_tokenizer.py), the byte pairs of each word, and the rule for
// texts that are too long (clip/clip.py, tokenize).
#include "text/tokenizer.h"

#include <algorithm>
#include <array>
#include <functional>

#include "base/error.h"
#include "text/clean_text.h"
#include "text/embedded_text.h"
#include "text/word_pattern.h"

namespace longclip {
namespace {

/// A word that was encoded before. One cache line; ids fit 16 bits.
struct KnownWord {
  static constexpr size_t kMaxBytes = 30;
  static constexpr size_t kMaxIds = 16;
  uint8_t size = 0;
  uint8_t id_count = 0;
  std::array<char, kMaxBytes> bytes{};
  std::array<uint16_t, kMaxIds> ids{};
};

constexpr size_t kKnownWords = size_t{1} << 14;

/// The slot for a word in this thread's memory; another word with the same slot is forgotten.
KnownWord& slot_for(std::string_view word) {
  thread_local std::vector<KnownWord> slots(kKnownWords);
  return slots[std::hash<std::string_view>()(word) & (kKnownWords - 1)];
}

}  // namespace

const Tokenizer& Tokenizer::clip() {
  static const Tokenizer tokenizer;
  return tokenizer;
}

Tokenizer::Tokenizer() : pairs_(clip_merges_text()), vocabulary_(pairs_.vocabulary()) {
  vocabulary_.emplace_back(kStartOfText);
  vocabulary_.emplace_back(kEndOfText);
}

void Tokenizer::append_word(std::string_view word, std::vector<int32_t>& ids) const {
  if (word.size() > KnownWord::kMaxBytes) {
    pairs_.encode(word, ids);
    return;
  }
  KnownWord& known = slot_for(word);
  if (std::string_view(known.bytes.data(), known.size) == word) {
    ids.insert(ids.end(), known.ids.begin(), known.ids.begin() + known.id_count);
    return;
  }
  const size_t before = ids.size();
  pairs_.encode(word, ids);
  const size_t count = ids.size() - before;
  if (count > KnownWord::kMaxIds) return;
  known.size = static_cast<uint8_t>(word.size());
  known.id_count = static_cast<uint8_t>(count);
  std::copy(word.begin(), word.end(), known.bytes.begin());
  for (size_t i = 0; i < count; ++i) known.ids[i] = static_cast<uint16_t>(ids[before + i]);
}

Tokenized Tokenizer::encode(std::string_view utf8_text, int64_t context_length, SpecialTokens special) const {
  require<InputError>(context_length >= 2, "a context of {} ids: at least 2 are needed, for start and end",
                      context_length);
  const auto limit = static_cast<size_t>(context_length);
  const bool take_special = special == SpecialTokens::kClip;
  const std::string text = clean_text(utf8_text);
  Tokenized result;
  std::vector<int32_t>& ids = result.ids;
  ids.reserve(std::min(limit, text.size() / 4 + 8));
  ids.push_back(static_cast<int32_t>(sot()));
  // Once `limit` ids are there, the end id has no room: what follows is cut anyway.
  for (size_t at = 0; at < text.size() && ids.size() < limit;) {
    const std::string_view word = next_word(text, at, take_special);
    at = static_cast<size_t>(word.data() + word.size() - text.data());
    if (take_special && (word == kStartOfText || word == kEndOfText)) {
      ids.push_back(static_cast<int32_t>(word == kStartOfText ? sot() : eot()));
      result.holds_special_token |= ids.size() < limit;
    } else if (!word.empty()) {
      append_word(word, ids);
    }
  }
  result.truncated = ids.size() >= limit;
  ids.resize(std::min(ids.size(), limit - 1));
  ids.push_back(static_cast<int32_t>(eot()));
  return result;
}

}  // namespace longclip
