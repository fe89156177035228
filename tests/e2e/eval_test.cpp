// tests/e2e/eval_test.cpp -- longclip eval: numbers, their form, and what is refused; on one process and on several ranks.
#include <cmath>

#include "base/error.h"
#include "program.h"
#include "training.h"
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
    const Json of_two_ranks = parse(run_well("launch --nproc 2 -- eval retrieval " + stretched_model() + " --data '{format: triples, path: " + name +
                                                 ".jsonl, images: .}' --json",
                                             *cases_dir() / "12_retrieval_identical_items"));
    REQUIRE(of_two_ranks.at("image_to_text") == values.at("image_to_text"));
    REQUIRE(of_two_ranks.at("text_to_image") == values.at("text_to_image"));
  }
}

TEST_CASE("eval retrieval: a cut picture ends it, unless --load-truncated takes it as far as it goes", "[e2e]") {
  const TemporaryFolder folder;
  write_experiment(folder.path());
  const std::string png = read_text(folder / "0.png");
  write_text(folder / "0.png", png.substr(0, png.size() - 30));
  const std::string command = "eval retrieval " + stretched_model() + " --data triples:rows.jsonl --json";
  const CommandResult refused = run_longclip(command, folder.path());
  REQUIRE(refused.exit_code == 2);
  REQUIRE_THAT(refused.err, ContainsSubstring("0.png"));
  REQUIRE(parse(run_well(command + " --load-truncated", folder.path())).at("pictures") == 8);
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

TEST_CASE("eval retrieval: a protocol's name decides how its folder is read and how many pictures there must be", "[e2e]") {
  const TemporaryFolder folder;
  const fs::path coco = folder / "coco";
  fs::create_directories(coco / "annotations");
  fs::create_directories(coco / "val2017");
  Json images = Json::array(), annotations = Json::array();
  for (int64_t id = 1; id <= 3; ++id) {
    const std::string name = fmt::format("{}.png", id);
    write_red_png(coco / "val2017" / name);
    images.push_back({{"id", id}, {"file_name", name}});
    for (int64_t i = 0; i < 6; ++i) annotations.push_back({{"image_id", id}, {"caption", fmt::format("caption {} of {}", i, id)}});
  }
  write_text(coco / "annotations/captions_val2017.json", Json{{"images", images}, {"annotations", annotations}}.dump());
  const std::string command = "eval retrieval " + stretched_model() + " --protocol coco5k --data coco";
  const CommandResult refused = run_longclip(command, folder.path());
  REQUIRE(refused.exit_code == 2);
  REQUIRE_THAT(refused.err, ContainsSubstring("3 pictures and 15 captions, but coco5k has 5000 and 25000"));
  const Json scores = parse(run_well(command + " --limit 2 --json", folder.path()));
  REQUIRE(scores.at("protocol") == "coco5k");
  REQUIRE(scores.at("pictures") == 2);
  REQUIRE(scores.at("captions") == 10);  // the first five of six
  REQUIRE(run_longclip(command + " --captions short", folder.path()).exit_code == 2);
  REQUIRE_THAT(run_longclip("eval retrieval m --protocol coco --data coco", folder.path()).err, ContainsSubstring("coco5k"));
}

TEST_CASE("eval retrieval: --max-tokens adds the scores of captions cut to each length", "[e2e]") {
  const TemporaryFolder folder;
  write_experiment(folder.path());
  const std::string command = "eval retrieval " + stretched_model() + " --data triples:rows.jsonl --max-tokens 4,248 ";
  const Json scores = parse(run_well(command + "--json", folder.path()));
  REQUIRE(scores.at("by_max_tokens").size() == 2);
  REQUIRE(scores.at("by_max_tokens")[0].at("max_tokens") == 4);
  REQUIRE(scores.at("by_max_tokens")[1].at("text_to_image") == scores.at("text_to_image"));
  REQUIRE_THAT(run_well(command, folder.path()), ContainsSubstring("4 tokens") && ContainsSubstring("not cut"));
  const CommandResult refused = run_longclip(command + "--max-tokens 249", folder.path());
  REQUIRE(refused.exit_code == 2);
  REQUIRE_THAT(refused.err, ContainsSubstring("--max-tokens 249"));
}

TEST_CASE("eval retrieval: --ranks-out writes a line for each query, and nothing existing is replaced unasked", "[e2e]") {
  const TemporaryFolder folder;
  write_experiment(folder.path());
  const std::string command = "eval retrieval " + stretched_model() + " --data triples:rows.jsonl --ranks-out ranks.jsonl --best 3 ";
  run_well(command, folder.path());
  const std::vector<Json> lines = json_lines(folder / "ranks.jsonl");
  REQUIRE(lines.size() == 16);
  for (const Json& line : lines) REQUIRE(line.at("best").size() == 3);
  REQUIRE(lines[0].at("direction") == "image_to_text");
  REQUIRE(lines[15].at("row") == 7);
  const CommandResult refused = run_longclip(command, folder.path());
  REQUIRE(refused.exit_code == 2);
  REQUIRE_THAT(refused.err, ContainsSubstring("ranks.jsonl"));
  run_well(command + "--overwrite", folder.path());
}

TEST_CASE("eval retrieval: two and three ranks give the numbers and the ranks of one", "[e2e]") {
  const TemporaryFolder folder;
  write_experiment(folder.path());
  const auto command = [](const std::string& name) {
    return "eval retrieval " + stretched_model() + " --data triples:rows.jsonl,limit=7 --captions both --device cpu --max-tokens 5 --batch 2 --out " +
           name + ".json --ranks-out " + name + ".jsonl";
  };
  const std::string table = run_well(command("one"), folder.path());
  const Json one = parse(read_text(folder / "one.json"));
  REQUIRE(one.at("long").at("pictures") == 7);
  const std::vector<Json> ranks = values_of(folder / "one.jsonl", "rank");
  for (const std::string count : {"2", "3"}) {
    const std::string name = "ranks" + count;
    REQUIRE(run_well("launch --nproc " + count + " -- " + command(name), folder.path()) == table);
    REQUIRE(parse(read_text(folder / (name + ".json"))) == one);
    REQUIRE(values_of(folder / (name + ".jsonl"), "rank") == ranks);
  }
}

TEST_CASE("eval retrieval: what one rank cannot read ends all ranks with exit code 2", "[e2e]") {
  const TemporaryFolder folder;
  write_red_png(folder / "0.png");
  std::string rows;
  for (const char* name : {"0.png", "0.png", "0.png", "gone.png"}) rows += fmt::format("{{\"image\": \"{}\", \"long\": \"a\"}}\n", name);
  write_text(folder / "rows.jsonl", rows);
  const CommandResult result =
      run_longclip("launch --nproc 2 -- eval retrieval " + stretched_model() + " --device cpu --data triples:rows.jsonl", folder.path());
  CAPTURE(result.err);
  REQUIRE(result.exit_code == 2);
  REQUIRE_THAT(result.err, ContainsSubstring("gone.png"));
}

TEST_CASE("eval himo: captions are cut into growing parts, or their parts are given", "[e2e]") {
  const TemporaryFolder folder;
  write_red_png(folder / "0.png");
  write_text(folder / "rows.jsonl",
             "{\"image\": \"0.png\", \"long\": \"A dog. It is red. It runs.\"}\n"
             "{\"image\": \"0.png\", \"long\": \"A cat. It sleeps.\"}\n");
  write_text(folder / "given.jsonl", "{\"image\": \"0.png\", \"long\": [\"A dog.\", \"A dog. It is red.\", \"A dog. It is red. It runs.\"]}\n");
  const std::string command = "eval himo " + stretched_model() + " --json --data triples:";
  const Json cut = parse(run_well(command + "rows.jsonl --k 2,3", folder.path())).at("himo");
  REQUIRE(cut.size() == 2);
  REQUIRE(cut[0].at("pairs") == 2);
  REQUIRE(cut[1].at("pairs") == 1);  // one caption has three sentences
  REQUIRE(cut[1].at("measure") == "monotone");
  const Json given = parse(run_well(command + "given.jsonl --given", folder.path())).at("himo");
  REQUIRE(given.size() == 1);
  REQUIRE(given[0].at("measure") == "pearson");
  REQUIRE(std::abs(given[0].at("pearson").get<double>() - cut[1].at("pearson").get<double>()) < 1e-4);
  const Json shared = parse(run_well("launch --nproc 2 -- " + command + "rows.jsonl --k 2,3 --device cpu", folder.path())).at("himo");
  for (size_t k = 0; k < cut.size(); ++k) {
    REQUIRE(shared[k].at("pairs") == cut[k].at("pairs"));
    REQUIRE(shared[k].at("monotone") == cut[k].at("monotone"));
    REQUIRE(std::abs(shared[k].at("pearson").get<double>() - cut[k].at("pearson").get<double>()) < 1e-5);
  }
  const CommandResult refused = run_longclip(command + "rows.jsonl --k 4", folder.path());
  REQUIRE(refused.exit_code == 2);
  REQUIRE_THAT(refused.err, ContainsSubstring("HiMo@4: not one of the 2 captions has 4 sentences"));
}

TEST_CASE("eval: the best checkpoint of a run can be measured and exported by its name", "[e2e]") {
  const TemporaryFolder folder;
  write_fast_experiment(folder.path(),
                        "schedule: {steps: 3}\ncheckpoint: {keep_best: eval_val_t2i_R@1, keep_last: 1}\n"
                        "eval: {every_steps: 1, retrieval: [{name: val, format: triples, path: rows.jsonl, captions: long}]}\n");
  run_well("train run.yaml", folder.path());
  const std::string best = "out/checkpoints/best";
  const std::string step = read_text(folder / best).substr(0, 13);
  REQUIRE(parse(run_well("inspect out --json", folder.path())).at("best") == "out/checkpoints/" + step);
  REQUIRE(run_well("eval retrieval " + best + " --data triples:rows.jsonl --json", folder.path()) ==
          run_well("eval retrieval out/checkpoints/" + step + " --data triples:rows.jsonl --json", folder.path()));
  run_well("export " + best + " best --format hf", folder.path());
  const CommandResult unknown = run_longclip("train run.yaml --set checkpoint.keep_best=eval_val_top1", folder.path());
  REQUIRE(unknown.exit_code == 2);
  REQUIRE_THAT(unknown.err, ContainsSubstring("eval_val_t2i_R@1"));
}

}  // namespace longclip::test
