// tests/data/formats/sharegpt4v_test.cpp -- data/formats/sharegpt4v.h
#include "data/formats/sharegpt4v.h"

#include "opened.h"
#include "support/catch.h"

namespace longclip {
namespace {

std::string row_of(const std::string& image, const std::string& caption) {
  return R"({"id": "1", "image": ")" + image +
         R"(", "conversations": [{"from": "human", "value": "?"}, {"from": "gpt", "value": ")" + caption + "\"}]}";
}

std::string array_of(int64_t rows) {
  std::string text = "[";
  for (int64_t i = 0; i < rows; ++i) text += (i == 0 ? "" : ",\n") + row_of(std::to_string(i), "c");
  return text + "]";
}

std::string verdict_of_element(const std::string& element) {
  const test::DataFile file("s.json", "[" + element + ", " + row_of("a", "b") + "]");
  return test::verdict_of(*file.open(SourceFormat::kSharegpt4v), 0);
}

}  // namespace

TEST_CASE("Sharegpt4v: the caption is the value of the second turn, the line is the number of the row",
          "[formats][unit]") {
  const test::DataFile file(
      "s.json", "\xEF\xBB\xBF [\n" + row_of("a/b.jpg", "one\\ntwo \\ud83d") + "\n,\n\n" + row_of("c", "d") + "]\n");
  const auto source = file.open(SourceFormat::kSharegpt4v);
  REQUIRE(source->rows() == 2);
  const PairRow row = source->row(0);
  REQUIRE(row.image == "a/b.jpg");
  REQUIRE(row.long_captions == std::vector<std::string>{"one\ntwo \xEF\xBF\xBD"});
  REQUIRE(row.short_captions.empty());
  REQUIRE(source->row(1).line == 2);
}

TEST_CASE("Sharegpt4v: split val is the first 1000 rows, train the others, and skip and limit count within",
          "[formats][unit]") {
  const test::DataFile file("s.json", array_of(1005));
  const auto images = [&](SourceConfig config) {
    config.format = SourceFormat::kSharegpt4v;
    const auto source = file.open(config);
    return fmt::format("{} {}..{}", source->rows(), source->row(0).image, source->row(source->rows() - 1).image);
  };
  REQUIRE(images({}) == "1005 0..1004");
  REQUIRE(images({.split = "val"}) == "1000 0..999");
  REQUIRE(images({.split = "train"}) == "5 1000..1004");
  REQUIRE(images({.limit = 2, .skip = 1, .split = "train"}) == "2 1001..1002");
  REQUIRE(images({.skip = 998, .split = "val"}) == "2 998..999");
  REQUIRE(images({.limit = 3, .skip = 4}) == "3 4..6");
  REQUIRE_THROWS_WITH(images({.skip = 1000, .split = "val"}), ContainsSubstring("leaves nothing"));
  REQUIRE_THROWS_WITH(
      test::DataFile("s.json", array_of(1000)).open({.format = SourceFormat::kSharegpt4v, .split = "train"}),
      ContainsSubstring("has 1000 rows; nothing is left"));
}

TEST_CASE("Sharegpt4v: a row that cannot be used is bad by itself", "[formats][unit]") {
  REQUIRE(verdict_of_element(row_of("a", "b")) == "good");
  REQUIRE_THAT(verdict_of_element(R"({"image": "a", "conversations": [{"value": "x"}]})"),
               ContainsSubstring("1: no caption"));
  REQUIRE_THAT(verdict_of_element(R"({"image": "a", "conversations": [1, {"value": 2}]})"),
               ContainsSubstring("must be text"));
  REQUIRE_THAT(verdict_of_element(R"({"image": "a", "conversations": [1, {"value": null}]})"),
               ContainsSubstring("no caption"));
  REQUIRE_THAT(verdict_of_element(row_of("a", " \\n")), ContainsSubstring("a long caption is empty"));
  REQUIRE_THAT(verdict_of_element(row_of("", "b")), ContainsSubstring("'image' is empty"));
  REQUIRE_THAT(verdict_of_element(R"({"image": "a", "image": "b"})"), ContainsSubstring("duplicate key 'image'"));
  REQUIRE_THAT(verdict_of_element(R"({"image": "a",})"), ContainsSubstring("malformed JSON"));
  REQUIRE_THAT(verdict_of_element("NaN"), ContainsSubstring("malformed JSON"));
  REQUIRE_THAT(verdict_of_element("\"\xFF\""), ContainsSubstring("UTF-8"));
  REQUIRE_THAT(verdict_of_element(std::string(100000, '[') + std::string(100000, ']')),
               ContainsSubstring("nested deeper"));
}

TEST_CASE("Sharegpt4v: a file that is cut off or is no array is an error of the file", "[formats][unit]") {
  const std::string whole = array_of(3);
  for (size_t size = 0; size < whole.size(); ++size) {
    const test::DataFile file("s.json", whole.substr(0, size));
    REQUIRE_THROWS_WITH(file.open(SourceFormat::kSharegpt4v), ContainsSubstring("s.json: "));
  }
  REQUIRE_THROWS_WITH(test::DataFile("s.json", whole.substr(0, 150)).open(SourceFormat::kSharegpt4v),
                      ContainsSubstring("cut off or broken in element 2"));
  REQUIRE_THROWS_WITH(test::DataFile("s.json", row_of("a", "b")).open(SourceFormat::kSharegpt4v),
                      ContainsSubstring("is no JSON array"));
  REQUIRE_THROWS_WITH(test::DataFile("s.json", "[]").open(SourceFormat::kSharegpt4v), ContainsSubstring("has no rows"));
}

}  // namespace longclip
