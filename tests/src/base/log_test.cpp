// tests/src/base/log_test.cpp -- base/log.h
#include "base/log.h"

#include "support/reference_data.h"

#include "support/catch.h"

namespace longclip {

TEST_CASE("add_log_file: lines go to the newest file alone", "[base][unit]") {
  const test::TemporaryFolder folder;
  add_log_file(folder / "first.txt");
  log_info("one");
  add_log_file(folder / "second.txt");
  log_info("two");
  REQUIRE_THAT(test::read_text(folder / "first.txt"), ContainsSubstring("one") && !ContainsSubstring("two"));
  REQUIRE_THAT(test::read_text(folder / "second.txt"), ContainsSubstring("two") && !ContainsSubstring("one"));
}

}  // namespace longclip
