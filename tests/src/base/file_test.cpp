// tests/src/base/file_test.cpp -- base/file.h, base/digest.h, base/utf8.h
#include "base/file.h"

#include <filesystem>

#include "base/error.h"
#include "base/utf8.h"
#include "support/catch.h"
#include "support/reference_data.h"

namespace longclip {

TEST_CASE("write_file_atomically: the new content replaces the old and leaves nothing beside it", "[base][unit]") {
  const test::TemporaryFolder folder;
  write_file_atomically(folder / "sub/a.txt", "one");
  write_file_atomically(folder / "sub/a.txt", "two");
  REQUIRE(read_file(folder / "sub/a.txt") == "two");
  REQUIRE(std::distance(std::filesystem::directory_iterator(folder / "sub"), {}) == 1);
}

TEST_CASE("read_file: a missing file and a folder are errors that name them", "[base][unit]") {
  const test::TemporaryFolder folder;
  REQUIRE_THROWS_WITH(read_file(folder / "none"), ContainsSubstring("none"));
  REQUIRE_THROWS_AS(read_file(folder.path()), DataError);
}

TEST_CASE("MappedFile: its identity is that of what was mapped, also once another file has the name", "[base][unit]") {
  const test::TemporaryFolder folder;
  write_file_atomically(folder / "a", "one");
  const FileIdentity before = identity_of(folder / "a");
  const MappedFile mapped(folder / "a");
  write_file_atomically(folder / "a", "other");
  REQUIRE(mapped.identity() == before);
  REQUIRE(mapped.text() == "one");
  REQUIRE_FALSE(identity_of(folder / "a") == before);
  REQUIRE_THROWS_AS(identity_of(folder / "none"), DataError);
}

TEST_CASE("is_valid_utf8: overlong forms, surrogates and cut sequences are refused", "[base][unit]") {
  for (const char* good : {"", "a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"}) REQUIRE(is_valid_utf8(good));
  for (const char* bad : {"\xC0\xAF", "\xED\xA0\x80", "\xE2\x82", "\xFF", "\xF4\x90\x80\x80"}) REQUIRE_FALSE(is_valid_utf8(bad));
}

}  // namespace longclip
