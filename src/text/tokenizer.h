#pragma once
// text/tokenizer.h -- CLIP's tokenizer, id for id: text in, the ids that the text tower reads out.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/byte_pairs.h"

namespace longclip {

/// What a literal "<|endoftext|>" or "<|startoftext|>" in a text means.
enum class SpecialTokens {
  kClip,   ///< the special id, as in CLIP; an end token then ends the text for the model
  kPlain,  ///< characters like any others
};

struct Tokenized {
  std::vector<int32_t> ids;          ///< SOT ... EOT, not padded
  bool truncated = false;            ///< the text was longer than the context and was cut
  bool holds_special_token = false;  ///< a special token was written in the part of the text that was kept
};

class Tokenizer {
 public:
  /// The tokenizer of every CLIP and Long-CLIP model. Made at the first call.
  static const Tokenizer& clip();

  /// Cleans and encodes a text (UTF-8). A text of more than `context_length` ids, SOT and EOT counted, is cut to that
  /// length and its last id becomes EOT (clip.tokenize with truncate=True). Throws InputError for a context below 2.
  /// Thread-safe without a lock; each thread remembers about 16,000 words (1 MiB).
  Tokenized encode(std::string_view utf8_text, int64_t context_length,
                   SpecialTokens special = SpecialTokens::kClip) const;

  int64_t sot() const { return vocabulary_size() - 2; }
  int64_t eot() const { return vocabulary_size() - 1; }
  int64_t vocabulary_size() const { return static_cast<int64_t>(vocabulary_.size()); }

  /// Spelling of each id in CLIP's byte alphabet: Hugging Face's vocab.json, the other way round.
  const std::vector<std::string>& vocabulary() const { return vocabulary_; }
  /// "left right" in order of rank: Hugging Face's merges.txt without its first line.
  const std::vector<std::string>& merges() const { return pairs_.merges(); }

 private:
  Tokenizer();  // one instance only: the threads' remembered words belong to it
  void append_word(std::string_view word, std::vector<int32_t>& ids) const;

  BytePairs pairs_;
  std::vector<std::string> vocabulary_;  // [id]
};

}  // namespace longclip
