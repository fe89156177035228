// tests/src/tensors/free_blocks_test.cpp -- what is taken never overlaps, and what is free never lies in two pieces side by side.
#include "tensors/free_blocks.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>

#include "base/random.h"

#include "support/catch.h"

namespace longclip {

TEST_CASE("FreeBlocks: the smallest block that fits is taken, the lowest of equals", "[tensors][unit]") {
  FreeBlocks blocks(100);
  for (const size_t bytes : {10, 1, 5, 1, 10, 1}) REQUIRE(blocks.take(bytes));  // at 0, 10, 11, 16, 17, 27
  for (const size_t offset : {0, 11, 17}) blocks.give_back(offset);             // free: 10 at 0, 5 at 11, 10 at 17, the rest from 28 on
  REQUIRE(blocks.take(4) == 11U);
  REQUIRE(blocks.take(10) == 0U);
  REQUIRE(blocks.take(6) == 17U);
  REQUIRE(blocks.take(4) == 23U);
  REQUIRE(blocks.take(72) == 28U);
  REQUIRE_FALSE(blocks.take(2));
  REQUIRE(blocks.take(1) == 15U);
}

TEST_CASE("FreeBlocks: blocks of random sizes, freed in random order, never overlap, and in the end all is one block again", "[tensors][unit]") {
  constexpr size_t kCapacity = 1 << 20;
  FreeBlocks blocks(kCapacity);
  std::map<size_t, size_t> taken;  // offset -> bytes
  size_t refused = 0, most = 0;
  for (uint64_t i = 0; i < 20000; ++i) {
    if (draw_below(mix_keys(1, i), 2) == 0 || taken.empty()) {
      const size_t bytes = 1 + static_cast<size_t>(draw_below(mix_keys(2, i), 30000));
      const auto offset = blocks.take(bytes);
      refused += offset ? 0 : 1;
      if (!offset) continue;
      const auto next = taken.lower_bound(*offset);
      REQUIRE(*offset + bytes <= (next == taken.end() ? kCapacity : next->first));
      if (next != taken.begin()) REQUIRE(std::prev(next)->first + std::prev(next)->second <= *offset);
      taken.emplace(*offset, bytes);
      most = std::max(most, *offset + bytes);
    } else {
      const auto block = std::next(taken.begin(), static_cast<std::ptrdiff_t>(draw_below(mix_keys(3, i), taken.size())));
      blocks.give_back(block->first);
      taken.erase(block);
    }
    size_t in_use = 0, unused = 0;
    for (const auto& [offset, bytes] : taken) in_use += bytes;
    for (const auto& block : blocks.free_and_touched()) unused += block.bytes;
    REQUIRE(in_use + unused == most);
  }
  REQUIRE(refused > 0);
  for (const auto& [offset, bytes] : taken) blocks.give_back(offset);
  REQUIRE(blocks.free_and_touched().size() == 1);
  REQUIRE(blocks.take(kCapacity) == 0U);
}

}  // namespace longclip
