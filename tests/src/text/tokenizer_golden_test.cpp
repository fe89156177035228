// tests/src/text/tokenizer_golden_test.cpp -- text/tokenizer.h against what CLIP's own tokenizer gave for thousands of
// texts: captions, other scripts, entities, mojibake, made-up trouble. Not one row is left out.
#include <algorithm>
#include <ctime>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "support/reference_data.h"
#include "text/clean_text.h"
#include "text/tokenizer.h"
#include "support/catch.h"

namespace longclip {
namespace {

/// Lines of a JSONL file, cut at line feeds only: texts hold U+2028 and U+0085.
std::vector<Json> read_jsonl(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  std::vector<Json> rows;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    const std::string where = path.string() + ":" + std::to_string(rows.size() + 1);
    rows.push_back(parse_json(std::string_view(text).substr(start, end - start), where, {.repair_surrogates = true}));
    start = end + 1;
  }
  return rows;
}

int64_t first_position(const std::vector<int32_t>& ids, int64_t id) {
  return std::find(ids.begin(), ids.end(), static_cast<int32_t>(id)) - ids.begin();
}

/// Checks every row of a golden file; prints how many were equal.
void check_golden_file(const std::string& name) {
  const auto folder = test::golden_dir();
  if (!folder) return test::say_skipped("tokens of CLIP's own tokenizer", "golden/" + name);
  const std::vector<Json> rows = read_jsonl(*folder / name);
  size_t equal = 0;
  size_t cleaned = 0;
  for (const Json& row : rows) {
    const auto text = row.at("text").get<std::string>();
    const Tokenized tokens = Tokenizer::clip().encode(text, 248);
    const std::string clean = row.value("clean", clean_text(text));
    CAPTURE(row.at("kind"), text, clean);
    CHECK(clean_text(text) == clean);
    CHECK(tokens.ids == row.at("ids").get<std::vector<int32_t>>());
    CHECK(tokens.truncated == row.at("truncated").get<bool>());
    equal += tokens.ids == row.at("ids").get<std::vector<int32_t>>() ? 1 : 0;
    cleaned += row.contains("clean") ? 1 : 0;
  }
  std::cout << name << ": " << equal << " of " << rows.size() << " rows equal, none left out; " << cleaned
            << " of them give the cleaned text too\n";
  CHECK(equal == rows.size());
}

/// Checks ids, length, `truncated` and the place of the first end token in a case; ids may be "first ... last".
void check_case(const std::string& name) {
  const auto folder = test::cases_dir();
  if (!folder) return test::say_skipped("ids of hard captions", "cases/" + name);
  const Json values = parse_json(read_file(*folder / name / "case.json"), name).at("expected").at("values");
  const std::vector<Json> rows = read_jsonl(*folder / name / "texts.jsonl");
  REQUIRE(rows.size() == values.at("rows").size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const Json& wanted = values.at("rows").at(i);
    const Tokenized tokens = Tokenizer::clip().encode(rows[i].at("text").get<std::string>(), 248);
    CAPTURE(name, i);
    CHECK(tokens.ids.size() == wanted.at("n_ids").get<size_t>());
    CHECK(tokens.truncated == wanted.at("truncated").get<bool>());
    CHECK(first_position(tokens.ids, Tokenizer::clip().eot()) == wanted.at("first_eot").get<int64_t>());
    const Json& ids = wanted.at("ids");
    for (size_t k = 0; k < ids.size() && ids[k].is_number(); ++k) CHECK(tokens.ids.at(k) == ids[k].get<int32_t>());
    for (size_t k = 1; k <= ids.size() && ids[ids.size() - k].is_number(); ++k) {
      CHECK(tokens.ids.at(tokens.ids.size() - k) == ids[ids.size() - k].get<int32_t>());
    }
  }
}

}  // namespace

TEST_CASE("Tokenizer: gives CLIP's ids for every golden text", "[text][golden]") {
  check_golden_file("tokenizer.jsonl");
}

TEST_CASE("Tokenizer: gives CLIP's ids for texts with surrogates", "[text][golden]") {
  check_golden_file("tokenizer_surrogates.jsonl");
}

TEST_CASE("Tokenizer: captions with odd characters give the right ids", "[text][golden]") {
  check_case("01_caption_odd_characters");
}

TEST_CASE("Tokenizer: 248 ids fit, 249 are cut", "[text][golden]") { check_case("02_caption_length_limit"); }

TEST_CASE("Tokenizer: its speed is printed", "[text][golden]") {
  const auto folder = test::golden_dir();
  if (!folder) return test::say_skipped("the tokenizer's speed", "golden/tokenizer.jsonl");
  std::map<std::string, std::vector<std::string>> texts;  // [kind]
  for (const Json& row : read_jsonl(*folder / "tokenizer.jsonl")) {
    texts[row.at("kind").get<std::string>()].push_back(row.at("text").get<std::string>());
  }
  for (const auto& [kind, all] : texts) {
    size_t tokens = 0;
    const std::clock_t start = std::clock();
    double seconds = 0;
    do {
      for (const std::string& text : all) tokens += Tokenizer::clip().encode(text, 248).ids.size();
      seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    } while (seconds < 0.05);
    std::cout << "tokenizer, one thread, " << kind << ": " << static_cast<double>(tokens) / seconds / 1e6
              << " million tokens per second of processor time\n";
    CHECK(tokens >= 2 * all.size());
  }
}

}  // namespace longclip
