// tests/src/text/clean_text_test.cpp -- text/clean_text.h, fix_text.h and code_points.h, rule by rule. What is expected
// is what CLIP's Python code gives with ftfy 6.3.1.
#include "text/clean_text.h"

#include <utility>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "text/code_points.h"
#include "text/fix_text.h"
#include "support/catch.h"

namespace longclip {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

void check_cleaning(const Pairs& pairs) {
  for (const auto& [text, clean] : pairs) {
    CAPTURE(text);
    CHECK(clean_text(text) == clean);
  }
}

}  // namespace

TEST_CASE("clean_text: white space becomes single blanks, none at the ends", "[text][unit]") {
  check_cleaning({{"", ""},
                  {" \n\t ", ""},
                  {"  A  dog\r\n\ton\f a sofa \n", "a dog on a sofa"},
                  {"a\u00A0b\u2003\u2003c\u3000d\u205F", "a b c d"},
                  {"a\u200Bb", "a\u200Bb"},  // no white space in Unicode
                  {"&nbsp;a&NewLine;&Tab;b", "a b"}});
}

TEST_CASE("clean_text: lower case follows Unicode, with final sigma and dotted I", "[text][unit]") {
  check_cleaning({{"HELLO Dog", "hello dog"},
                  {"\u0130", "i\u0307"},
                  {"\u039F\u03A3 \u03A3\u039F\u03A3", "\u03BF\u03C2 \u03C3\u03BF\u03C2"},
                  {"\u212A", "k"},  // KELVIN SIGN
                  {"\U00010400", "\U00010428"},
                  {"STRASSE \u1E9E", "strasse \u00DF"}});
}

TEST_CASE("clean_text: control characters and terminal escapes go, wherever they are", "[text][unit]") {
  check_cleaning({{std::string("a black\0cat", 11), "a blackcat"},
                  {"a\x1B[36;44mblue\x1B[0m dog\x0B\x1F\x7F", "ablue dog"},
                  {"\x1B[1;\xD9\xA3m!", "!"},  // an Arabic-Indic digit is a digit too
                  {"\x1B[12", "[12"},
                  {"\uFEFFcat\u206A\uFFFC", "cat"}});
}

TEST_CASE("clean_text: quotes, ligatures, widths and line breaks become the usual ones", "[text][unit]") {
  check_cleaning({{"\u201Chere\u2019s a test\u201D", "\"here's a test\""},
                  {"\uFB02u\uFB03e\uFB06", "fluffiest"},
                  {"\u0149 \u01C4", "'n d\u017E"},
                  {"\uFF2C\uFF2F\uFF35\uFF24\u3000\uFF01", "loud !"},
                  {"\uFF35\uFF80\uFF70\uFF9D", "u\u30BF\u30FC\u30F3"},
                  {"a\u2028b\u2029c\rd", "a b c d"}});
}

TEST_CASE("clean_text: text is composed (NFC)", "[text][unit]") {
  check_cleaning({{"cafe\u0301", "caf\u00E9"},
                  {"\u1112\u1161\u11AB", "\uD55C"},
                  {"\u2126", "\u03C9"},
                  {"q\u0323\u0307", "q\u0323\u0307"},
                  {"q\u0307\u0323", "q\u0323\u0307"}});
}

TEST_CASE("clean_text: character references are decoded again and again, until '<' says it is HTML", "[text][unit]") {
  check_cleaning({{"A SIGN SAYS &amp;amp; &lt;SALE&gt;", "a sign says & <sale>"},
                  {"&amp;amp;amp;amp;lt;", "<"},
                  {"<b> &amp;amp;amp;amp;lt;", "<b> &amp;amp;lt;"},  // only twice, by html.unescape
                  {"&amp;amp;amp;amp;\n<", "& <"},                   // the line before is decoded in full
                  {"P&EACUTE;REZ &notit; &#x80;&#150;", "p\u00E9rez \u00ACit; \u20AC\u2013"},
                  {"&#59; &#x110000; &#xD83D; &#11;x", "; \uFFFD \uFFFD x"},
                  {"a & b &; &x &#; &#x;", "a & b &; &x &#; &#x;"}});
}

TEST_CASE("clean_text: mojibake is repaired", "[text][unit]") {
  check_cleaning({{"\u00C3\u00A9t\u00C3\u00A9", "\u00E9t\u00E9"},
                  {"\u00E2\u20AC\u0153quote\u00E2\u20AC\uFFFD", "\"quote\uFFFD"},  // a byte was lost
                  {"voil\u00C3 le travail", "voil\u00E0 le travail"},              // A0 had become a blank
                  {"\u00E2\u0153\u201D No problems", "\u2714 no problems"},
                  {"caf\u00E9 \u00E2\u20AC\u201C \u4E2D", "caf\u00E9 \u2013 \u4E2D"},  // only a part of the text
                  {"l\x92\xC3\xA9t\xC3\xA9", "l\uFFFD\u00E9t\u00E9"},                  // not UTF-8: no guess
                  {"it\u0092s", "it's"},
                  {"na\u00EFve caf\u00E9 \u00BFqu\u00E9?", "na\u00EFve caf\u00E9 \u00BFqu\u00E9?"}});
}

TEST_CASE("clean_text: invalid UTF-8 becomes U+FFFD and the result is valid", "[text][unit]") {
  check_cleaning({{"a\xFFz", "a\uFFFDz"},
                  {"\xE2\x82", "\uFFFD"},  // one maximal subpart
                  {"\xC0\xAF", "\uFFFD\uFFFD"},
                  {"\xED\xA0\xBD dog", "\uFFFD dog"},            // half a surrogate pair
                  {"\xED\xA0\xBD\xED\xB8\x80", "\U0001F600"}});  // a whole one
  for (int byte = 0x80; byte < 0x100; ++byte) {
    for (int next = 0; next < 0x100; ++next) {
      const std::string text{static_cast<char>(byte), static_cast<char>(next), 'x', static_cast<char>(byte)};
      if (!is_valid_utf8(clean_text(text))) FAIL("bytes " << byte << " " << next);
    }
  }
}

TEST_CASE("clean_text: deep and long inputs end in reasonable time", "[text][unit]") {
  std::string nested = "&";
  for (int i = 0; i < 50'000; ++i) nested += "amp;";
  CHECK(clean_text(nested).size() < nested.size());
  std::string mojibake;
  for (int i = 0; i < 200'000; ++i) mojibake += "\u00C3\u00A9";
  CHECK(clean_text(mojibake).size() == 400'000);  // 200,000 times "é"
  CHECK(clean_text(mojibake + "\u4E2D").size() == 400'003);
  CHECK(clean_text(std::string(1'000'000, '&')).size() == 1'000'000);
  std::string marks = "a";
  for (int i = 0; i < 200'000; ++i) marks += "\u0301\u0323";
  CHECK(clean_text(marks).size() > 700'000);
}

TEST_CASE("clean_text: a text that 32 bits cannot count is refused before it is read", "[text][unit]") {
  CHECK_THROWS_AS(clean_text(std::string_view("a", size_t{1} << 31)), DataError);
}

TEST_CASE("fix_text: line feeds cut the text into segments that do not influence each other", "[text][unit]") {
  CHECK(fix_text(U"&amp;\n<\n&amp;") == U"&\n<\n&amp;");
  CHECK(fix_text(U"\u00C3\u00A9\n\u4E2D") == U"\u00E9\n\u4E2D");
}

TEST_CASE("decode_utf8_variants: takes CESU-8 and Java's null, refuses what is malformed", "[text][unit]") {
  CHECK(decode_utf8_variants("a\xED\xA0\xBD\xED\xB8\x8D") == U"a\U0001F60D");
  CHECK(decode_utf8_variants("\xC0\x80") == std::u32string(1, U'\0'));
  for (const char* bad : {"\xED\xA0\xBD", "\xED\xA0\xBDxxx", "\xC0", "\xE9", "\xF5\x80\x80\x80", "a\x80"}) {
    CAPTURE(bad);
    CHECK(!decode_utf8_variants(bad));
  }
}

}  // namespace longclip
