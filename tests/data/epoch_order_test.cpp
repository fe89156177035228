// tests/data/epoch_order_test.cpp -- data/epoch_order.h
#include "data/epoch_order.h"

#include <map>
#include <set>

#include "base/error.h"
#include "base/random.h"
#include "support/catch.h"

namespace longclip {
namespace {

std::vector<RowId> epoch_of(const EpochOrder& order, int64_t epoch) {
  std::vector<RowId> rows;
  for (int64_t i = 0; i < order.visits(); ++i) rows.push_back(order.at(epoch, i));
  return rows;
}

}  // namespace

TEST_CASE("EpochOrder: an epoch visits every row once, and the next one in another order", "[data][unit]") {
  const EpochOrder order({{.rows = 37}, {.rows = 5}}, {.seed = 3, .pairs_per_step = 4});
  const auto first = epoch_of(order, 0), second = epoch_of(order, 1);
  const std::set<RowId> rows(first.begin(), first.end());
  REQUIRE(first.size() == 42);
  REQUIRE(rows.size() == 42);
  REQUIRE(std::set<RowId>(second.begin(), second.end()) == rows);
  REQUIRE(first != second);
  REQUIRE(first == epoch_of(order, 0));
  REQUIRE(epoch_of(EpochOrder({{.rows = 37}, {.rows = 5}}, {.seed = 4, .pairs_per_step = 4}), 0) != first);
}

TEST_CASE("EpochOrder: one source of weight 1 is the keyed permutation itself", "[data][unit]") {
  const EpochOrder order({{.rows = 11}}, {.seed = 5, .pairs_per_step = 2});
  for (uint64_t i = 0; i < 11; ++i) {
    REQUIRE(order.at(2, static_cast<int64_t>(i)).row == static_cast<int64_t>(KeyedPermutation(11, 5, 2).at(i)));
  }
}

TEST_CASE("EpochOrder: a weight gives floor(weight x rows) visits, and over epochs every row its share",
          "[data][unit]") {
  const EpochOrder order({{.rows = 100, .weight = 0.29},
                          {.rows = 10, .weight = 2},
                          {.rows = 3, .weight = 0.1},
                          {.rows = 4, .weight = 1.5}},
                         {.seed = 1, .pairs_per_step = 5});
  REQUIRE(order.visits() == 29 + 20 + 0 + 6);
  std::map<RowId, int64_t> times;
  for (int64_t epoch = 0; epoch < 100; ++epoch) {
    for (const RowId& id : epoch_of(order, epoch)) ++times[id];
    if (epoch == 0) {
      for (int64_t row = 0; row < 10; ++row) REQUIRE(times[{1, row}] == 2);
    }
  }
  for (int64_t row = 0; row < 100; ++row) REQUIRE(times[{0, row}] == 29);
  for (int64_t row = 0; row < 4; ++row) REQUIRE(times[{3, row}] == 150);
}

TEST_CASE("EpochOrder: the last incomplete step is dropped, or filled from the start of the epoch", "[data][unit]") {
  const EpochOrder dropping({{.rows = 10}}, {.seed = 1, .pairs_per_step = 4});
  REQUIRE(dropping.steps_per_epoch() == 2);
  REQUIRE(dropping.place(5).epoch == 2);
  REQUIRE(dropping.place(5).position == 4);
  const EpochOrder filling({{.rows = 10}}, {.seed = 1, .pairs_per_step = 4, .drop_last = false});
  REQUIRE(filling.steps_per_epoch() == 3);
  REQUIRE(filling.place(5).epoch == 1);
  REQUIRE(filling.place(5).position == 8);
  REQUIRE(filling.at(1, 10) == filling.at(1, 0));
  REQUIRE(EpochOrder({{.rows = 8}}, {.seed = 1, .pairs_per_step = 4, .drop_last = false}).steps_per_epoch() == 2);
}

TEST_CASE("EpochOrder: a step larger than the usable rows is refused with both numbers", "[data][unit]") {
  const auto build = [](int64_t rows, int64_t bad, int64_t pairs) {
    return EpochOrder({{rows, bad, 1.0}}, {.pairs_per_step = pairs});
  };
  REQUIRE_THROWS_WITH(build(5, 0, 8), ContainsSubstring("is 8") && ContainsSubstring("5 usable") &&
                                          ContainsSubstring("no complete step"));
  REQUIRE_THROWS_AS(build(5, 1, 5), InputError);
  REQUIRE(build(5, 1, 4).steps_per_epoch() == 1);
  REQUIRE_THROWS_WITH(build(5, 5, 1), ContainsSubstring("no usable row"));
}

TEST_CASE("EpochOrder: ranks that do not divide a step are refused with both numbers", "[data][unit]") {
  const EpochOrder order({{.rows = 12}}, {.pairs_per_step = 6});
  REQUIRE(order.pairs_per_rank(3) == 2);
  REQUIRE_THROWS_WITH(order.pairs_per_rank(4), ContainsSubstring("6") && ContainsSubstring("4 processes"));
}

}  // namespace longclip
