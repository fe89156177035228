// tests/data/bad_sample_log_test.cpp -- data/bad_sample_log.h
#include "data/bad_sample_log.h"

#include "base/json.h"
#include "support/catch.h"
#include "support/reference_data.h"

namespace longclip {
namespace {

BadRow bad(int64_t line, const std::string& reason = "no such file") { return {"rows.jsonl", line, "a.png", reason}; }

}  // namespace

TEST_CASE("BadSampleLog: every bad row stands once, in the order met, as valid JSON", "[data][unit]") {
  const test::TemporaryFolder folder;
  const auto file = folder / "bad_samples.jsonl";
  BadSampleLog log({.file = file, .rows = 100});
  log.add({bad(7, "quote \" line\n and \xFF"), bad(3)});
  log.add({});
  log.add({bad(3), bad(7), bad(1)});
  REQUIRE(log.count() == 3);
  std::vector<int64_t> lines;
  std::istringstream text(test::read_text(file));
  for (std::string line; std::getline(text, line);) {
    const Json json = parse_json(line, "log");
    REQUIRE((json["source"] == "rows.jsonl" && json["image"] == "a.png" && json["reason"].is_string()));
    lines.push_back(json["line"].get<int64_t>());
  }
  REQUIRE(lines == std::vector<int64_t>{7, 3, 1});
}

TEST_CASE("BadSampleLog: a resumed run keeps the lines before the checkpoint and drops the others", "[data][unit]") {
  const test::TemporaryFolder folder;
  const auto file = folder / "bad_samples.jsonl";
  BadSampleLog({.file = file, .rows = 100}).add({bad(5), bad(2), bad(9)});
  const std::string whole = test::read_text(file);
  test::write_text(file, whole + "{\"source\": \"cut");
  REQUIRE(BadSampleLog({.file = file, .rows = 100}).count() == 3);
  REQUIRE(test::read_text(file) == whole);
  BadSampleLog log({.file = file, .rows = 100, .lines_to_keep = 1});
  REQUIRE(log.count() == 1);
  log.add({bad(5), bad(2), bad(9)});
  REQUIRE(test::read_text(file) == whole);
  test::write_text(file, "[]\n");
  REQUIRE_THROWS_AS(BadSampleLog({.file = file, .rows = 100}), DataError);
}

TEST_CASE("BadSampleLog: more than the allowed share of bad rows stops with the counts, after listing them",
          "[data][unit]") {
  const test::TemporaryFolder folder;
  BadSampleLog log({.file = folder / "bad.jsonl", .rows = 40, .max_bad_fraction = 0.05});
  log.add({bad(1), bad(2), bad(2)});
  REQUIRE_THROWS_WITH(log.add({bad(8)}), ContainsSubstring("3 of 40 rows") && ContainsSubstring("rows.jsonl:8"));
  REQUIRE_THAT(test::read_text(folder / "bad.jsonl"), ContainsSubstring("\"line\":8"));
  REQUIRE_THROWS_AS(BadSampleLog({.file = {}, .rows = 40, .max_bad_fraction = 0}).add({bad(1)}), DataError);
}

}  // namespace longclip
