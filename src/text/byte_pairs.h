#pragma once
// text/byte_pairs.h -- CLIP's byte-pair encoding: a word's UTF-8 bytes, merged by rank into the ids of a vocabulary.
// Ids: 0..255 bytes, 256..511 bytes that end a word, then one id a merge, in CLIP's order.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace longclip {

class BytePairs {
 public:
  /// `merges_text`: "left right" a line, best first. Every part must be a byte or the result of an earlier line, and no
  /// two lines may give the same result: merging by rank from left to right is then what CLIP's rounds do.
  /// Throws std::logic_error naming the line otherwise.
  explicit BytePairs(std::string_view merges_text);

  /// Appends the ids of one word (its bytes, not empty). Time grows as n log n in its length.
  void encode(std::string_view word, std::vector<int32_t>& ids) const;

  /// Spelling of each id in CLIP's byte alphabet, "</w>" at a word's end; UTF-8.
  const std::vector<std::string>& vocabulary() const { return vocabulary_; }
  /// The merges as given, one "left right" an entry.
  const std::vector<std::string>& merges() const { return merges_; }

 private:
  struct Merge {
    uint64_t pair = 0;  // left id and right id; 0 and result 0: free slot
    int32_t result = 0;
  };

  void add_merge(int32_t left, int32_t right, int32_t result);
  /// The id that a pair merges to, or -1.
  int32_t merged(int32_t left, int32_t right) const;

  std::vector<std::string> vocabulary_;  // [id]
  std::vector<std::string> merges_;      // [rank]
  std::vector<int32_t> byte_ids_;        // [byte]
  std::vector<Merge> table_;             // open addressing, a power of two
};

}  // namespace longclip
