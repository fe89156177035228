// tests/e2e/eval_test.cpp -- longclip eval retrieval: numbers, their form, and what is refused.
#include "program.h"
#include "support/catch.h"

namespace longclip::test {
namespace fs = std::filesystem;

namespace {

Json parse(const std::string& text) { return parse_json(text, "output"); }

}  // namespace

TEST_CASE("eval retrieval: identical pictures or captions neither win nor lose all ties", "[e2e]") {
  if (!cases_dir()) return say_skipped("identical items", "the cases");
  const Json values = case_values("12_retrieval_identical_items");
  for (const std::string name : {"same_pictures", "same_captions"}) {
    for (const std::string batch : {"1", "4", "64"}) {
      CAPTURE(name, batch);
      const Json scores =
          parse(run_well("eval retrieval " + stretched_model() + " --data '{format: triples, path: " + name +
                             ".jsonl, images: .}' --json --batch " + batch,
                         *cases_dir() / "12_retrieval_identical_items"));
      REQUIRE(scores.at("image_to_text") == values.at("image_to_text"));
      REQUIRE(scores.at("text_to_image") == values.at("text_to_image"));
      REQUIRE(scores.at("pictures") == 6);
      REQUIRE(scores.at("captions") == 6);
    }
  }
}

TEST_CASE("eval retrieval: both kinds of captions are nested, one kind stands alone", "[e2e]") {
  const TemporaryFolder folder;
  write_experiment(folder.path());
  const std::string command = "eval retrieval " + stretched_model() + " --data triples:rows.jsonl ";
  const Json both = parse(run_well(command + "--captions both --json --out both.json", folder.path()));
  REQUIRE(both == parse(read_text(folder / "both.json")));
  REQUIRE(both.size() == 2);
  const Json only_long = parse(run_well(command + "--json", folder.path()));
  const Json only_short = parse(run_well(command + "--captions short --json", folder.path()));
  REQUIRE(both.at("long") == only_long);
  REQUIRE(both.at("short") == only_short);
  REQUIRE(only_long.at("pictures") == 8);
  const std::string table = run_well(command + "--limit 5", folder.path());
  REQUIRE_THAT(table, ContainsSubstring("image to text") && ContainsSubstring("5 pictures, 5 captions"));
}

TEST_CASE("eval retrieval: a row that cannot be used is an error with its line", "[e2e]") {
  const TemporaryFolder folder;
  write_red_png(folder / "0.png");
  const std::string good = "{\"image\": \"0.png\", \"long\": \"a\"}\n";
  write_text(folder / "no_short.jsonl", good);
  write_text(folder / "malformed.jsonl", good + "\n{\"image\": \"0.png\", \"long\": \"a\",}\n");
  write_text(folder / "no_picture.jsonl", good + "{\"image\": \"gone.png\", \"long\": \"b\"}\n");
  for (const auto& [arguments, says] :
       {std::pair{"no_short.jsonl --captions both", "no_short.jsonl:1: no short caption"},
        {"malformed.jsonl", "malformed.jsonl:3: malformed JSON"},
        {"no_picture.jsonl", "gone.png"},
        {"none.jsonl", "none.jsonl"},
        {"no_short.jsonl,limit=0", "limit: must be at least 1"},
        {"no_short.jsonl,skip_=2", "unknown key"}}) {
    const CommandResult result = run_longclip(
        "eval retrieval " + stretched_model() + " --out o.json --data triples:" + arguments, folder.path());
    CAPTURE(arguments, result.err);
    REQUIRE(result.exit_code == 2);
    REQUIRE_THAT(result.err, ContainsSubstring(says));
    REQUIRE(!fs::exists(folder / "o.json"));
  }
}

TEST_CASE("eval retrieval: the first odd line of a data file is named by its number in the file", "[e2e]") {
  if (!cases_dir()) return say_skipped("odd lines", "the cases");
  const CommandResult result = run_longclip("eval retrieval " + stretched_model() + " --data triples:rows.jsonl",
                                            *cases_dir() / "04_jsonl_odd_lines");
  REQUIRE(result.exit_code == 2);
  REQUIRE_THAT(result.err, ContainsSubstring("rows.jsonl:5: ") && ContainsSubstring("duplicate key 'long'"));
}

}  // namespace longclip::test
