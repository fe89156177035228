// tests/data/distribution_test.cpp -- data/distribution.h
#include "data/distribution.h"

#include "support/catch.h"

namespace longclip {

TEST_CASE("Distribution: range, median, mean and counts are those of the values", "[data][unit]") {
  Distribution values;
  REQUIRE((values.count() == 0 && values.min() == 0 && values.max() == 0 && values.mean() == 0 && values.quantile(0.5) == 0));
  for (const int64_t value : {5, 1, 5, 9, 2}) values.add(value);
  REQUIRE((values.count() == 5 && values.min() == 1 && values.max() == 9));
  REQUIRE(values.quantile(0.5) == 5);
  REQUIRE((values.quantile(0.2) == 1 && values.quantile(0.21) == 2 && values.quantile(1) == 9));
  REQUIRE(values.mean() == 4.4);
  REQUIRE((values.above(5) == 1 && values.above(4) == 3 && values.above(9) == 0));
}

TEST_CASE("Distribution: buckets hold every value once", "[data][unit]") {
  Distribution values;
  for (const int64_t value : {20, 21, 40, 300}) values.add(value);
  const Json json = to_json(values, {10, 20, 40, 77, 100});
  REQUIRE(json["histogram"] == Json{{11, 20, 1}, {21, 40, 2}, {41, 77, 0}, {78, 100, 0}, {101, 300, 1}});
  REQUIRE(to_json(values, {10, 20, 40, 300})["histogram"] == Json{{11, 20, 1}, {21, 40, 2}, {41, 300, 1}});
  REQUIRE(to_json(Distribution(), {10})["histogram"].empty());
}

}  // namespace longclip
