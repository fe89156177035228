// tests/src/optim/loss_scale_test.cpp -- the scale of fp16's loss over good and bad steps.
#include "optim/loss_scale.h"

#include "support/catch.h"

namespace longclip {

TEST_CASE("Loss scale: halves after a bad step and doubles after 2000 good ones in a row", "[optim][unit]") {
  double scale = 65536;
  int64_t good = 0;
  const auto steps = [&](int count, bool finite) {
    for (int i = 0; i < count; ++i) update_loss_scale(finite, scale, good);
  };
  steps(1999, true);
  REQUIRE(scale == 65536);
  steps(1, false);
  REQUIRE(scale == 32768);
  steps(1999, true);
  REQUIRE(scale == 32768);
  steps(1, true);
  REQUIRE(scale == 65536);
  steps(2000, true);
  REQUIRE(scale == 131072);
  steps(3, false);
  REQUIRE(scale == 16384);
}

}  // namespace longclip
