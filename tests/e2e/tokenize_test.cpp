// tests/e2e/tokenize_test.cpp -- longclip tokenize: ids, one line a text.
#include <sstream>

#include "program.h"
#include "support/catch.h"

namespace longclip::test {
namespace fs = std::filesystem;

namespace {

std::vector<Json> lines_of(const std::string& text) {
  std::vector<Json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(parse_json(line, "line"));
  return lines;
}

/// Ids as a case gives them: whole, or the first and last with "..." between them.
void check_ids(const Json& ids, const Json& expected) {
  const auto gap = std::find(expected.begin(), expected.end(), Json("..."));
  const auto head = gap - expected.begin(), tail = gap == expected.end() ? 0 : expected.end() - gap - 1;
  REQUIRE(std::equal(expected.begin(), gap, ids.begin(), ids.begin() + head));
  REQUIRE(std::equal(expected.end() - tail, expected.end(), ids.end() - tail, ids.end()));
}

}  // namespace

TEST_CASE("tokenize: texts of the cases have the ids of CLIP's own tokenizer", "[e2e]") {
  if (!cases_dir()) return say_skipped("ids of texts", "the cases");
  for (const std::string name : {"01_caption_odd_characters", "02_caption_length_limit"}) {
    const Json rows = case_values(name).at("rows");
    const std::vector<Json> lines =
        lines_of(run_well("tokenize --json " + (*cases_dir() / name / "texts.jsonl").string()));
    REQUIRE(lines.size() == rows.size());
    for (size_t i = 0; i < lines.size(); ++i) {
      CAPTURE(name, i);
      REQUIRE(lines[i].at("ids").size() == rows[i].at("n_ids").get<size_t>());
      REQUIRE(lines[i].at("truncated") == rows[i].at("truncated"));
      check_ids(lines[i].at("ids"), rows[i].at("ids"));
    }
  }
}

TEST_CASE("tokenize: every line of stdin is a text, an empty one too, and --context cuts", "[e2e]") {
  const std::string command = program().string() + " tokenize ";
  const CommandResult plain = run_command("printf 'a cat\\n\\na dog' | " + command);
  REQUIRE(plain.exit_code == 0);
  REQUIRE(plain.out == "49406 320 2368 49407  # 4 ids\n49406 49407  # 2 ids\n49406 320 1929 49407  # 4 ids\n");
  REQUIRE_THAT(plain.err, ContainsSubstring("3 texts, 10 ids"));
  const CommandResult cut =
      run_command("printf '{\"text\": \"a cat\"}\\n' | " + command + "- --jsonl --json --context 3");
  REQUIRE(cut.out == "{\"text\":\"a cat\",\"ids\":[49406,320,49407],\"truncated\":true}\n");
  REQUIRE_THAT(cut.err, ContainsSubstring("1 truncated to 3 ids"));
}

TEST_CASE("tokenize: a line that is not what it must be is named", "[e2e]") {
  const TemporaryFolder folder;
  write_text(folder / "texts.jsonl", "{\"text\": \"a\"}\n\n{\"text\": 7}\n");
  write_text(folder / "key.jsonl", "{\"txt\": \"a\"}\n");
  write_text(folder / "bytes.txt", "good\nbad \xFF byte\n");
  for (const auto& [file, says] : {std::pair{"texts.jsonl", "texts.jsonl:3: must be an object like {\"text\""},
                                   {"key.jsonl", "key.jsonl:1: "},
                                   {"bytes.txt", "bytes.txt:2: the text is not UTF-8"},
                                   {"gone.txt", "gone.txt: no such file"},
                                   {"texts.jsonl --context 1", "--context"}}) {
    const CommandResult result = run_longclip(std::string("tokenize ") + file, folder.path());
    CAPTURE(file, result.err);
    REQUIRE(result.exit_code == 2);
    REQUIRE_THAT(result.err, ContainsSubstring(says));
  }
}

}  // namespace longclip::test
