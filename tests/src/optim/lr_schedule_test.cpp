// tests/src/optim/lr_schedule_test.cpp -- optim/lr_schedule.h
#include "optim/lr_schedule.h"

#include "support/catch.h"

namespace longclip {

TEST_CASE("LrSchedule: warmup reaches the peak on the last warmup step", "[optim][unit]") {
  const LrSchedule schedule{1e-3, 200, 1000};
  REQUIRE(schedule.at(0) == Approx(1e-3 / 200));
  REQUIRE(schedule.at(199) == 1e-3);
  REQUIRE(schedule.at(200) == 1e-3);
}

TEST_CASE("LrSchedule: half way after the warmup it is half the peak, and near the end almost nothing", "[optim][unit]") {
  const LrSchedule schedule{2.0, 100, 1100};
  REQUIRE(schedule.at(600) == Approx(1.0));
  REQUIRE(schedule.at(1099) < 1e-5);
  REQUIRE(schedule.at(1099) > 0);
}

TEST_CASE("LrSchedule: no warmup begins at the peak", "[optim][unit]") {
  REQUIRE(LrSchedule{1.0, 0, 10}.at(0) == 1.0);
  REQUIRE(LrSchedule{1.0, 10, 10}.at(9) == 1.0);
}

}  // namespace longclip
