// tests/src/base/json_test.cpp -- base/json.h
#include "base/json.h"

#include "base/error.h"
#include "support/catch.h"

namespace longclip {

TEST_CASE("parse_json: a duplicate key is an error that names the key", "[base][unit]") {
  REQUIRE_THROWS_WITH(parse_json(R"({"a": 1, "b": {"a": 2}, "a": 3})", "x.json"), ContainsSubstring("duplicate key 'a'"));
  REQUIRE_NOTHROW(parse_json(R"({"a": {"a": 1}, "b": {"a": 1}})", "x.json"));
}

TEST_CASE("parse_json: NaN, trailing commas, invalid UTF-8 and deep nesting are refused", "[base][unit]") {
  for (const std::string bad : {"NaN", "{\"a\": NaN}", "[1,]", "{} {}", "", "\"\xff\"", "{\"a\":1,}"}) {
    CAPTURE(bad);
    REQUIRE_THROWS_AS(parse_json(bad, "x.json"), DataError);
  }
  REQUIRE_THROWS_WITH(parse_json(std::string(100, '[') + std::string(100, ']'), "x.json"), ContainsSubstring("nested deeper"));
}

TEST_CASE("parse_json: a lone surrogate becomes U+FFFD where asked, a pair stays", "[base][unit]") {
  const JsonLimits repair{.max_depth = 8, .repair_surrogates = true};
  REQUIRE(parse_json(R"("a\ud83db")", "x", repair) == "a\xEF\xBF\xBD" "b");
  REQUIRE(parse_json(R"("\ud83d\ude00")", "x", repair) == "\xF0\x9F\x98\x80");
  REQUIRE(parse_json(R"("\\ud83d")", "x", repair) == "\\ud83d");
  REQUIRE_THROWS_AS(parse_json(R"("a\ud83db")", "x"), DataError);
}

TEST_CASE("to_json_line: a non-finite number is written as null", "[base][unit]") {
  REQUIRE(to_json_line(Json{{"loss", std::nan("")}}) == R"({"loss":null})");
}

}  // namespace longclip
