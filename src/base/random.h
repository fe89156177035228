#pragma once
// base/random.h -- randomness as a pure function of keys, and the keyed permutation that orders an epoch.
// Nothing here has state: a draw depends on (seed, epoch, row) alone, never on rank, thread or time.

#include <cstdint>
#include <initializer_list>

namespace longclip {

/// A 64-bit value from three keys; equal keys give equal values on every machine. (SplitMix64 finaliser, Steele 2014.)
constexpr uint64_t mix_keys(uint64_t a, uint64_t b = 0, uint64_t c = 0) {
  uint64_t state = 0x9E3779B97F4A7C15ULL;
  for (const uint64_t key : {a, b, c}) {
    state += key + 0x9E3779B97F4A7C15ULL;
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9ULL;
    state = (state ^ (state >> 27)) * 0x94D049BB133111EBULL;
    state ^= state >> 31;
  }
  return state;
}

/// A number in [0, bound) from a mixed key. `bound` > 0. (Multiply-shift; the bias is below bound / 2^64.)
constexpr uint64_t draw_below(uint64_t bits, uint64_t bound) {
  return static_cast<uint64_t>((static_cast<unsigned __int128>(bits) * bound) >> 64);
}

/// The order of one epoch: a bijection of [0, size) chosen by (seed, epoch), computed element by element in O(1)
/// memory, so a run resumes at any step without replaying anything. (Balanced Feistel network, cycle walking.)
class KeyedPermutation {
 public:
  KeyedPermutation(uint64_t size, uint64_t seed, uint64_t epoch);
  uint64_t size() const { return size_; }
  /// The row visited at `position`; both in [0, size).
  uint64_t at(uint64_t position) const;

 private:
  uint64_t size_;
  uint64_t key_;
  int half_bits_;
};

}  // namespace longclip
