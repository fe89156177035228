// tests/src/base/json_test.cpp -- base/json.h
#include "base/json.h"

#include "base/error.h"
#include "support/catch.h"
#include "support/child_process.h"

namespace longclip {
namespace {

/// {"0":1,"1":1,...}
std::string object_of(int num_keys) {
  std::string text = "{";
  for (int i = 0; i < num_keys; ++i) text += fmt::format("{}\"{}\":1", i == 0 ? "" : ",", i);
  return text + "}";
}

}  // namespace

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

TEST_CASE("parse_json: more keys of one object, or values in all, than the limits are refused by these", "[base][unit]") {
  REQUIRE_NOTHROW(parse_json(object_of(3), "x.json", {.max_keys = 3, .max_values = 4}));
  REQUIRE_THROWS_WITH(parse_json(object_of(4), "x.json", {.max_keys = 3}), "x.json: an object of more than 3 keys is not read");
  REQUIRE_THROWS_WITH(parse_json("[1,[2],{}]", "x.json", {.max_values = 4}), "x.json: more than 4 values are not read");
  REQUIRE_THROWS_WITH(parse_json(object_of(1'000'000), "x.json"), ContainsSubstring("more than 65536 keys"));
}

TEST_CASE("parse_json: the time is in proportion to the keys of an object and the objects in a list", "[base][unit]") {
  std::string rows = "[{}";
  for (int i = 0; i < 300'000; ++i) rows += ",{}";
  const std::string many = object_of(300'000), list = rows + "]";
  const test::ChildOutcome child = test::run_in_child(
      [&] {
        return parse_json(many, "x", {.max_keys = SIZE_MAX}).size() == 300'000 && parse_json(list, "x").size() == 300'001 ? 0 : 1;
      },
      /*max_seconds=*/10);
  REQUIRE(child.exit_code == 0);
  REQUIRE(child.processor_seconds < 5);  // 0.15; with a search of all keys for each: minutes
}

TEST_CASE("parse_json: an error shows the beginning of a long text alone", "[base][unit]") {
  const std::string name(100'000, 'a');
  for (const std::string& bad : {"\"" + name, "{\"" + name + "\":1,\"" + name + "\":2}"}) {
    try {
      parse_json(bad, "x.json");
      FAIL("was read");
    } catch (const DataError& error) {
      REQUIRE(std::string_view(error.what()).size() < 500);
    }
  }
}

TEST_CASE("to_json_line: a non-finite number is written as null", "[base][unit]") {
  REQUIRE(to_json_line(Json{{"loss", std::nan("")}}) == R"({"loss":null})");
}

}  // namespace longclip
