// tests/e2e/formats_test.cpp -- the program on data sets of every format: trained on, measured, inspected.
#include <fstream>

#include "program.h"
#include "support/catch.h"

namespace longclip::test {
namespace fs = std::filesystem;

namespace {

Json parse(const std::string& text) { return parse_json(text, "output"); }

}  // namespace

TEST_CASE("eval retrieval: an incomplete Urban1k is refused, and every incomplete pair is named", "[e2e]") {
  if (!cases_dir()) return say_skipped("Urban1k with gaps", "the cases");
  const CommandResult result =
      run_longclip("eval retrieval " + stretched_model() + " --data '{format: urban1k, path: set}' --json",
                   *cases_dir() / "16_urban1k_empty_caption");
  REQUIRE(result.exit_code == 2);
  REQUIRE(result.out.empty());
  for (const char* named :
       {"caption/2.txt is empty", "no caption/4.txt", "caption/6.txt is empty", "belongs to caption/10.txt"})
    REQUIRE_THAT(result.err, ContainsSubstring(named));
}

TEST_CASE("inspect: a shard is told as a data set, with what cannot be used", "[e2e]") {
  if (!cases_dir()) return say_skipped("a shard of a laptop", "the cases");
  const fs::path folder = *cases_dir() / "05_tar_dots_pax_mac";
  const Json json = parse(run_well("inspect shard-000000.tar --json", folder));
  REQUIRE(json.at("rows") == 8);
  REQUIRE(json.at("good") == 7);
  REQUIRE(json.at("bad_rows").at(0).at("image") == "photo");
  REQUIRE(parse(run_well("inspect webdataset:shard-000000.tar --json", folder)) == json);
  REQUIRE_THAT(run_well("inspect webdataset:shard-000000.tar,limit=2", folder),
               ContainsSubstring("2 rows, 0 of them bad"));
}

TEST_CASE("eval retrieval: the same pictures and captions score the same in every format", "[e2e]") {
  const TemporaryFolder folder;
  fs::create_directories(folder / "set/image");
  fs::create_directories(folder / "set/caption");
  std::string triples, csv = "filepath;title\n", tokens, array;
  for (const std::string name : {"1", "2", "3", "4"}) {
    const fs::path picture = folder / ("set/image/" + name + ".png");
    name == "2" ? write_blue_png(picture) : write_red_png(picture);
    const std::string caption = "caption number " + name;
    write_text(folder / ("set/caption/" + name + ".txt"), caption);
    triples += "{\"image\": \"" + name + ".png\", \"long\": \"" + caption + "\"}\n";
    csv += name + ".png;" + caption + "\n";
    tokens += name + ".png#0\t" + caption + "\n";
    array += (array.empty() ? "[" : ", ") + ("{\"image\": \"" + name) +
             ".png\", \"conversations\": [0, {\"value\": \"" + caption + "\"}]}";
  }
  write_text(folder / "t.jsonl", triples);
  write_text(folder / "c.csv", csv);
  write_text(folder / "f.token", tokens);
  write_text(folder / "s.json", array + "]");
  REQUIRE(run_command("cp set/image/* set/caption/* .", folder.path()).exit_code == 0);
  REQUIRE(run_command("tar cf sorted.tar $(ls ?.png ?.txt | sort)", folder.path()).exit_code == 0);
  const auto scores = [&](const std::string& spec) {
    return parse(run_well("eval retrieval " + stretched_model() + " --data " + spec + " --json", folder.path()));
  };
  const Json wanted = scores("triples:t.jsonl,images=set/image");
  REQUIRE(wanted.at("pictures") == 4);
  for (const std::string spec : {"csv:c.csv,images=set/image", "flickr:f.token,images=set/image",
                                 "sharegpt4v:s.json,images=set/image", "urban1k:set", "webdataset:sorted.tar"}) {
    CAPTURE(spec);
    REQUIRE(scores(spec) == wanted);
  }
}

}  // namespace longclip::test
