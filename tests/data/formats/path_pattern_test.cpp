// tests/data/formats/path_pattern_test.cpp -- data/formats/path_pattern.h
#include "data/formats/path_pattern.h"

#include <fstream>

#include "base/error.h"
#include "support/catch.h"
#include "support/reference_data.h"

namespace longclip {
namespace {

std::string expanded(const std::string& pattern) {
  std::string names;
  for (const auto& path : expand_pattern(pattern))
    names += fmt::format("{}{}", names.empty() ? "" : " ", path.string());
  return names;
}

}  // namespace

TEST_CASE("expand_pattern: braces are ranges with as many digits as are written, or lists", "[formats][unit]") {
  REQUIRE(expanded("plain") == "plain");
  REQUIRE(expanded("s-{008..010}.tar") == "s-008.tar s-009.tar s-010.tar");
  REQUIRE(expanded("{a,b}{1..2}") == "a1 a2 b1 b2");
  REQUIRE(expanded("{9..11}") == "9 10 11");
  REQUIRE(expanded("x{,y}") == "x xy");
  for (const char* wrong :
       {"{", "{a", "{a}", "{2..1}", "{1..}", "{a..b}", "{0..99999999}", "{0..999}{0..999}{0..999}"}) {
    CAPTURE(wrong);
    REQUIRE_THROWS_AS(expanded(wrong), InputError);
  }
}

TEST_CASE("expand_pattern: wildcards match files, sorted by their bytes; a file of that very name stands for itself",
          "[formats][unit]") {
  const test::TemporaryFolder folder;
  for (const char* name : {"b.tar", "B.tar", "a.tar", "a.txt", "{1..2}*.tar"}) test::write_text(folder / name, "");
  const std::string here = folder.path().string() + "/";
  REQUIRE(expanded(here + "[aB]*.tar") == here + "B.tar " + here + "a.tar");
  REQUIRE(expanded(here + "{b,a}.t?r") == here + "b.tar " + here + "a.tar");
  REQUIRE(expanded(here + "{1..2}*.tar") == here + "{1..2}*.tar");
  REQUIRE_THROWS_WITH(expanded(here + "z*"), ContainsSubstring("no file matches"));
}

}  // namespace longclip
