// base/random.cpp -- a Feistel network over the next even power of two, walked until it lands inside [0, size).
#include "base/random.h"

#include "base/error.h"

namespace longclip {

KeyedPermutation::KeyedPermutation(uint64_t size, uint64_t seed, uint64_t epoch)
    : size_(size), key_(mix_keys(seed, epoch, 0x65706f6368ULL)), half_bits_(1) {
  require<std::runtime_error>(size < (uint64_t{1} << 62), "a permutation of {} rows is too large", size);
  while ((uint64_t{1} << (2 * half_bits_)) < size_) ++half_bits_;
}

uint64_t KeyedPermutation::at(uint64_t position) const {
  require<std::runtime_error>(position < size_, "position {} of a permutation of {}", position, size_);
  const uint64_t mask = (uint64_t{1} << half_bits_) - 1;
  uint64_t value = position;
  do {
    uint64_t left = value >> half_bits_;
    uint64_t right = value & mask;
    for (uint64_t round = 0; round < 6; ++round) {
      const uint64_t next = left ^ (mix_keys(key_, round, right) & mask);
      left = right;
      right = next;
    }
    value = (left << half_bits_) | right;
  } while (value >= size_);
  return value;
}

}  // namespace longclip
