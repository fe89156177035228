// tests/data/formats/triples_test.cpp -- data/formats/triples.h
#include "data/formats/pair_source.h"

#include "base/json.h"
#include "support/catch.h"
#include "support/reference_data.h"

namespace longclip {
namespace {

struct Written {
  explicit Written(const std::string& text) { test::write_text(folder / "rows.jsonl", text); }
  std::unique_ptr<PairSource> open(std::optional<int64_t> limit = {}) const {
    return build_source({.path = folder / "rows.jsonl", .images = {folder.path()}, .limit = limit});
  }
  test::TemporaryFolder folder;
};

std::string reason_of(const std::string& line) {
  const Written file(line + "\n" + R"({"image": "a", "long": "b"})");
  const auto source = file.open();
  try {
    source->row(0);
  } catch (const BadRowError& error) {
    return error.row.reason;
  }
  return "good";
}

const std::string kGood = R"({"image": "a.png", "long": "x"})";

}  // namespace

TEST_CASE("Triples: a caption may be text, a list of texts or a list of objects", "[data][unit]") {
  const Written file(R"({"image": "a/b.png", "long": [{"caption": "x", "source": 1}, "y"], "short": "s", "width": 3})");
  const auto source = file.open();
  const PairRow row = source->row(0);
  REQUIRE(row.image == "a/b.png");
  REQUIRE(row.long_captions == std::vector<std::string>{"x", "y"});
  REQUIRE(row.short_captions == std::vector<std::string>{"s"});
  REQUIRE(source->picture_file(row) == file.folder / "a/b.png");
}

TEST_CASE("Triples: lines are counted as an editor does, blank ones are no rows", "[data][unit]") {
  const Written file("\xEF\xBB\xBF\n \t\r\n" + kGood + "\r\n" + kGood + "\n\n\n{\n" + kGood);
  const auto source = file.open();
  REQUIRE(source->rows() == 4);
  REQUIRE(source->bad_rows() == std::vector<int64_t>{2});
  REQUIRE(source->row(0).line == 3);
  REQUIRE(source->row(1).line == 4);
  REQUIRE_THROWS_WITH(source->row(2), ContainsSubstring("rows.jsonl:7: malformed JSON"));
  REQUIRE(source->row(3).line == 8);
}

TEST_CASE("Triples: bad lines are found at their numbers in a file that several threads judge", "[data][unit]") {
  std::string text;
  std::vector<int64_t> bad, bad_lines;
  int64_t line = 0, row = 0;
  for (; row < 20000; ++row) {
    if (row % 7 == 0) text += "\n", ++line;
    const bool is_bad = row % 997 == 3;
    text += (is_bad ? "{}" : kGood) + "\n";
    ++line;
    if (is_bad) bad.push_back(row), bad_lines.push_back(line);
  }
  const auto source = Written(text).open();
  REQUIRE(source->rows() == row);
  REQUIRE(source->bad_rows() == bad);
  std::vector<int64_t> lines;
  for (const int64_t index : source->bad_rows()) {
    try {
      source->row(index);
    } catch (const BadRowError& error) {
      lines.push_back(error.row.line);
    }
  }
  REQUIRE(lines == bad_lines);
}

TEST_CASE("Triples: the reason of a bad line says what is wrong in it", "[data][unit]") {
  REQUIRE_THAT(reason_of(R"({"image": "a", "long": NaN})"), ContainsSubstring("malformed JSON: at column"));
  REQUIRE_THAT(reason_of(R"({"image": "a", "long": "x", "long": "y"})"), ContainsSubstring("duplicate key 'long'"));
  REQUIRE_THAT(reason_of("{\"image\": \"a\", \"long\": \"\xFF\"}"), ContainsSubstring("UTF-8"));
  REQUIRE_THAT(reason_of(R"({"image": "a", "long": null, "short": "s"})"), ContainsSubstring("no long caption"));
  REQUIRE_THAT(reason_of(R"({"image": "a"})"), ContainsSubstring("no long caption"));
  REQUIRE_THAT(reason_of(R"({"image": "a", "long": " \n"})"), ContainsSubstring("a long caption is empty"));
  REQUIRE_THAT(reason_of(R"({"image": "a", "long": "x", "short": [""]})"),
               ContainsSubstring("a short caption is empty"));
  REQUIRE_THAT(reason_of(R"({"image": "a", "long": ["x", 3]})"), ContainsSubstring("'long' must be text"));
  REQUIRE_THAT(reason_of(R"({"image": "a", "long": [null]})"), ContainsSubstring("'long' must be text"));
  REQUIRE_THAT(reason_of(R"({"long": "x"})"), ContainsSubstring("no 'image'"));
  REQUIRE_THAT(reason_of(R"({"image": "", "long": "x"})"), ContainsSubstring("'image' is empty"));
  REQUIRE_THAT(reason_of(R"({"image": "a\u0000.png", "long": "x"})"), ContainsSubstring("NUL"));
  REQUIRE_THAT(reason_of(R"("a")"), ContainsSubstring("must be an object"));
  REQUIRE_THAT(reason_of(std::string(100000, '[')), ContainsSubstring("nested deeper"));
  REQUIRE(reason_of(R"({"image": "a", "long": "x", "short": null})") == "good");
  REQUIRE(reason_of(R"({"image": "a", "long": "x", "short": []})") == "good");
}

TEST_CASE("Triples: a picture that is missing or no file is a bad row with a hint", "[data][unit]") {
  const Written file(R"({"image": "sub\\a.png", "long": "x"})"
                     "\n"
                     R"({"image": ".", "long": "x"})");
  const auto source = file.open();
  REQUIRE_THROWS_WITH(source->read_picture(source->row(0)),
                      ContainsSubstring("rows.jsonl:1: no such file") && ContainsSubstring("write '/'"));
  REQUIRE_THROWS_WITH(source->read_picture(source->row(1)), ContainsSubstring("rows.jsonl:2: not a regular file"));
}

TEST_CASE("Triples: limit keeps the first rows, and a file without any is refused", "[data][unit]") {
  const Written file(kGood + "\n\n" + kGood + "\n" + kGood + "\n");
  REQUIRE(file.open(2)->rows() == 2);
  REQUIRE(file.open(9)->rows() == 3);
  REQUIRE_THROWS_WITH(Written("\n \n").open(), ContainsSubstring("has no rows"));
  REQUIRE_THROWS_WITH(Written("\xFF\xFE{").open(), ContainsSubstring("UTF-16"));
  REQUIRE_THROWS_AS(build_source({.path = file.folder / "none.jsonl"}), DataError);
  REQUIRE_THROWS_AS(build_source({.path = file.folder.path()}), DataError);
}

TEST_CASE("Triples: the fingerprint tells content and order, not the final newline or later rows", "[data][unit]") {
  const std::string other = R"({"image": "b.png", "long": "x"})";
  const std::string now = Written(kGood + "\n" + other).open()->fingerprint();
  REQUIRE(Written(kGood + "\n\n" + other + "\n").open()->fingerprint() == now);
  REQUIRE(Written(kGood + "\n" + other + "\n" + kGood).open(2)->fingerprint() == now);
  REQUIRE(Written(other + "\n" + kGood).open()->fingerprint() != now);
  REQUIRE(Written(kGood).open()->fingerprint() != now);
}

TEST_CASE("Triples: every odd line of the case is judged as it says", "[data][golden]") {
  const auto cases = test::cases_dir();
  if (!cases) return test::say_skipped("odd JSONL lines", "shared/cases");
  const auto folder = *cases / "04_jsonl_odd_lines";
  const Json expected = parse_json(test::read_text(folder / "case.json"), "case.json")["expected"]["values"]["lines"];
  const auto source = build_source({.path = folder / "rows.jsonl", .images = {folder}});
  std::map<std::string, std::string> verdicts;  // of the lines that are rows
  for (int64_t i = 0; i < source->rows(); ++i) {
    try {
      const PairRow row = source->row(i);
      source->read_picture(row);
      verdicts[std::to_string(row.line)] = "good";
    } catch (const BadRowError& error) {
      verdicts[std::to_string(error.row.line)] = error.row.reason;
    }
  }
  for (const auto& [line, verdict] : expected.items()) {
    INFO("line " << line << ": " << verdict << ", here: " << verdicts[line]);
    const std::string wanted = verdict.get<std::string>();
    if (wanted.starts_with("skipped")) REQUIRE(verdicts[line].empty());
    if (wanted.starts_with("good")) REQUIRE(verdicts[line] == "good");
    if (wanted.starts_with("error") || wanted.starts_with("bad row"))
      REQUIRE((verdicts[line] != "good" && !verdicts[line].empty()));
  }
  REQUIRE_THAT(source->row(10).long_captions[0], ContainsSubstring("\xEF\xBF\xBD"));  // line 12, half a surrogate pair
}

}  // namespace longclip
