// tests/src/base/random_test.cpp -- base/random.h
#include "base/random.h"

#include <vector>

#include "support/catch.h"

namespace longclip {

TEST_CASE("KeyedPermutation: every row is visited exactly once at any size", "[base][unit]") {
  for (const uint64_t size : {1, 2, 3, 5, 16, 17, 94, 1000, 4097}) {
    const KeyedPermutation order(size, 7, 3);
    std::vector<int> visits(size, 0);
    for (uint64_t i = 0; i < size; ++i) ++visits.at(order.at(i));
    for (const int count : visits) REQUIRE(count == 1);
  }
}

TEST_CASE("KeyedPermutation: another epoch or seed gives another order", "[base][unit]") {
  const KeyedPermutation first(1000, 7, 0), epoch(1000, 7, 1), seed(1000, 8, 0);
  int same_epoch = 0, same_seed = 0;
  for (uint64_t i = 0; i < 1000; ++i) {
    same_epoch += first.at(i) == epoch.at(i);
    same_seed += first.at(i) == seed.at(i);
  }
  REQUIRE(same_epoch < 20);
  REQUIRE(same_seed < 20);
}

TEST_CASE("mix_keys: values are fixed for ever, because runs on disk depend on them", "[base][unit]") {
  const KeyedPermutation order(10, 1, 2);
  std::vector<uint64_t> rows;
  for (uint64_t i = 0; i < 10; ++i) rows.push_back(order.at(i));
  REQUIRE(rows == std::vector<uint64_t>{2, 8, 7, 5, 0, 4, 9, 1, 6, 3});
  REQUIRE(mix_keys(0, 0, 0) == 0x80ABE802AC1E182EULL);
}

}  // namespace longclip
