// tests/src/base/append_file_test.cpp -- base/append_file.h
#include "base/append_file.h"

#include <optional>

#include "support/file_size_limit.h"
#include "support/reference_data.h"

#include "support/catch.h"

namespace longclip {

TEST_CASE("AppendFile: what a full disk took in part is taken back, and written in order once there is room", "[base][unit]") {
  const test::TemporaryFolder folder;
  AppendFile file(folder / "log.jsonl");
  file.append("one\n");
  {
    const test::FileSizeLimit full(6);
    file.append("two\n");  // two bytes of it fit
    REQUIRE(test::read_text(file.path()) == "one\n");
    REQUIRE_THAT(file.failure(), ContainsSubstring(file.path().string()) && ContainsSubstring("File too large"));
    file.append("three\n");
    REQUIRE_THROWS_WITH(file.flush(), ContainsSubstring("File too large"));
    REQUIRE(test::read_text(file.path()) == "one\n");
  }
  file.append("four\n");
  REQUIRE(file.failure().empty());
  REQUIRE(test::read_text(file.path()) == "one\ntwo\nthree\nfour\n");
  file.flush();
  REQUIRE(test::read_text(file.path()) == "one\ntwo\nthree\nfour\n");
}

TEST_CASE("AppendFile: flush writes what is held back", "[base][unit]") {
  const test::TemporaryFolder folder;
  AppendFile file(folder / "log.jsonl");
  {
    const test::FileSizeLimit full(1);
    file.append("one\n");
  }
  file.flush();
  REQUIRE(test::read_text(file.path()) == "one\n");
}

TEST_CASE("AppendFile: the reason is the system's", "[base][unit]") {
  AppendFile full("/dev/full");
  full.append("one\n");
  REQUIRE(full.failure() == "cannot write /dev/full: No space left on device");
}

TEST_CASE("AppendFile: a file that is opened when needed may be impossible until then", "[base][unit]") {
  const test::TemporaryFolder folder;
  AppendFile file(folder / "log.jsonl", AppendFile::Mode::kWhenNeeded);
  REQUIRE_FALSE(std::filesystem::exists(file.path()));
  std::filesystem::create_directory(file.path());  // in the way
  file.append("one\n");
  REQUIRE_THAT(file.failure(), ContainsSubstring("Is a directory"));
  std::filesystem::remove(file.path());
  file.append("two\n");
  REQUIRE(test::read_text(file.path()) == "one\ntwo\n");
  REQUIRE_THROWS_WITH(AppendFile(file.path(), AppendFile::Mode::kCreateNew), ContainsSubstring("File exists"));
}

}  // namespace longclip
