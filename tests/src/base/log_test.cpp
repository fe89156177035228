// tests/src/base/log_test.cpp -- base/log.h
#include "base/log.h"

#include "support/file_size_limit.h"
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

TEST_CASE("add_log_file: a file that takes no more ends nothing", "[base][unit]") {
  const test::TemporaryFolder folder;
  add_log_file(folder / "log.txt");
  {
    const test::FileSizeLimit full(10);
    REQUIRE_NOTHROW(log_info("more than ten bytes"));
  }
  log_info("afterwards");
  REQUIRE_THAT(test::read_text(folder / "log.txt"), ContainsSubstring("afterwards"));
}

}  // namespace longclip
