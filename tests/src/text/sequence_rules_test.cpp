// tests/src/text/sequence_rules_test.cpp -- text/sequence_rules.h and ftfy_tables.h
#include "text/sequence_rules.h"

#include <stdexcept>

#include "text/ftfy_tables.h"
#include "support/catch.h"

namespace longclip {

TEST_CASE("SequenceRules: the first fitting rule counts, at every place and up to the end", "[text][unit]") {
  const SequenceRules rules({{"[a]", "[b]"}, {"[a]"}, {"[^a]", "[\\p{L}]", "[\\U00010400]"}});
  CHECK(rules.match_at(U"ab", 0) == 2);
  CHECK(rules.match_at(U"ac", 0) == 1);
  CHECK(rules.match_at(U"a", 0) == 1);
  CHECK(rules.match_at(U"ab", 1) == 0);
  CHECK(rules.match_at(U"\U0001F600\u4E2D\U00010400", 0) == 3);
  CHECK(rules.match_at(U"\U0001F600\u4E2D", 0) == 0);
  CHECK(rules.match_at(U"", 0) == 0);
  CHECK(rules.found_in(U"xxxa"));
  CHECK(!rules.found_in(U"xxxb"));
}

TEST_CASE("SequenceRules: a class that is none is named", "[text][unit]") {
  CHECK_THROWS_WITH(SequenceRules({{"[a"}}), ContainsSubstring("'[a'"));
  CHECK_THROWS_AS(SequenceRules(std::vector<SequenceRules::Rule>(1)), std::logic_error);
}

TEST_CASE("Charmap: encodes what it decodes, and nothing else", "[text][unit]") {
  REQUIRE(ftfy_tables().charmaps.size() == 10);
  for (const Charmap& charmap : ftfy_tables().charmaps) {
    std::u32string all;
    std::string bytes;
    for (int byte = 0; byte < 256; ++byte) {
      all += charmap.decode(static_cast<uint8_t>(byte));
      bytes += static_cast<char>(byte);
    }
    CAPTURE(charmap.name());
    CHECK(charmap.encode(all) == bytes);
    CHECK(!charmap.encode(U"\u4E2D"));
    CHECK(charmap.encode(U"\uFFFD").has_value() == charmap.is_sloppy());
    CHECK(charmap.encode(U"\u001A").has_value() != charmap.is_sloppy());
  }
  CHECK(windows_1252(0x80) == 0x20AC);
  CHECK(windows_1252(0x81) == 0x81);
}

}  // namespace longclip
