// tests/data/formats/json_cursor_test.cpp -- data/formats/json_cursor.h
#include "data/formats/json_cursor.h"

#include <vector>

#include "base/error.h"
#include "support/catch.h"

namespace longclip {
namespace {

std::vector<std::string> elements_of(const std::string& text) {
  std::vector<std::string> elements;
  JsonCursor cursor(text);
  for_each_element(cursor, [&](std::string_view bytes, int64_t) { elements.emplace_back(bytes); });
  check_end(cursor);
  return elements;
}

}  // namespace

TEST_CASE("JsonCursor: the elements of an array are found whatever their texts hold", "[formats][unit]") {
  REQUIRE(elements_of(" [ ] \n").empty());
  REQUIRE(elements_of(R"([1,"a]","b\"}",{"x":[{"]":"\\"}]} , null])") ==
          std::vector<std::string>{"1", "\"a]\"", R"("b\"}")", R"({"x":[{"]":"\\"}]})", "null"});
  REQUIRE(elements_of(R"(["\\\\\"", "\\"])") == std::vector<std::string>{R"("\\\\\"")", R"("\\")"});
}

TEST_CASE("JsonCursor: an array that is cut anywhere is refused", "[formats][unit]") {
  const std::string whole = R"([{"a": "b\"c"}, [1, "]"], 3])";
  REQUIRE(elements_of(whole).size() == 3);
  for (size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    REQUIRE_THROWS_AS(elements_of(whole.substr(0, size)), DataError);
  }
  REQUIRE_THROWS_WITH(elements_of(whole.substr(0, 20)), ContainsSubstring("element 2"));
  REQUIRE_THROWS_WITH(elements_of("[1 2]"), ContainsSubstring("a comma is missing"));
  REQUIRE_THROWS_WITH(elements_of("[1,]"), ContainsSubstring("a value is missing"));
  REQUIRE_THROWS_WITH(elements_of("[1] x"), ContainsSubstring("something follows"));
  REQUIRE_THROWS_WITH(elements_of("{}"), ContainsSubstring("is no JSON array"));
}

TEST_CASE("JsonCursor: ten million brackets or backslashes take neither stack nor more than linear time",
          "[formats][unit]") {
  REQUIRE_THROWS_AS(elements_of(std::string(10'000'000, '[')), DataError);
  REQUIRE_THROWS_AS(elements_of("[\"" + std::string(10'000'000, '\\')), DataError);
  std::string quotes = "[\"";
  for (int i = 0; i < 1'000'000; ++i) quotes += "\\\\\\\"";
  REQUIRE(elements_of(quotes + "\"]").size() == 1);
}

TEST_CASE("JsonCursor: the members of an object are visited in turn", "[formats][unit]") {
  const auto keys_of = [](const std::string& text) {
    std::string keys;
    JsonCursor cursor(text);
    for_each_member(cursor, [&](std::string_view key) {
      keys += key;
      keys += ' ';
      cursor.take_value();
    });
    return keys;
  };
  REQUIRE(keys_of(R"({"a": 1, "b": {"c": 2}})") == "a b ");
  REQUIRE(keys_of("{}").empty());
  for (const char* broken : {"", "{", R"({"a")", R"({"a":)", R"({"a":1)", R"({"a":1,)", R"({a:1})", "{} {}", "[]"}) {
    CAPTURE(broken);
    REQUIRE_THROWS_AS(keys_of(broken), DataError);
  }
}

}  // namespace longclip
