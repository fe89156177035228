// tests/e2e/eval_zeroshot_test.cpp -- longclip eval zeroshot: from a folder of pictures to numbers, and what is refused.
#include <cmath>

#include "program.h"
#include "support/catch.h"

namespace longclip::test {
namespace fs = std::filesystem;

namespace {

Json parse(const std::string& text) { return parse_json(text, "output"); }

/// Two classes of two pictures: red, red; blue, red.
void write_classes(const fs::path& folder) {
  write_red_png(folder / "set/a_rose/1.png");
  write_red_png(folder / "set/a_rose/2.png");
  write_blue_png(folder / "set/n01440764/1.png");
  write_red_png(folder / "set/n01440764/2.png");
}

}  // namespace

TEST_CASE("eval zeroshot: a random model classifies CIFAR-10 no better and no worse than chance", "[e2e]") {
  const auto cifar = data_dir() ? *data_dir() / "cifar10_test_jpeg" : fs::path();
  if (!data_dir() || !fs::is_directory(cifar)) return say_skipped("zero-shot on CIFAR-10", "the pictures of its test set");
  const Json scores = parse(run_well("eval zeroshot " + unstretched_model() + " --data " + cifar.string() + " --templates cifar18 --json"));
  REQUIRE(scores.at("pictures") == 1000);
  REQUIRE(scores.at("classes") == 10);
  REQUIRE(scores.at("templates") == "cifar18");
  REQUIRE(scores.at("per_class")[1].at("class") == "automobile");
  const auto is_chance = [](double share, double chance) { return std::abs(share - chance) <= 3 * std::sqrt(chance * (1 - chance) / 1000); };
  report_difference("top-1 of a random model and chance", std::abs(scores.at("top1").get<double>() - 0.1), 3 * std::sqrt(0.1 * 0.9 / 1000));
  REQUIRE(is_chance(scores.at("top1").get<double>(), 0.1));
  REQUIRE(is_chance(scores.at("top5").get<double>(), 0.5));
}

TEST_CASE("eval zeroshot: numbers do not depend on the batch, and the table, --json and --out agree", "[e2e]") {
  const TemporaryFolder folder;
  write_classes(folder.path());
  const std::string command = "eval zeroshot " + stretched_model() + " --data set ";
  const Json scores = parse(run_well(command + "--json --out o.json", folder.path()));
  REQUIRE(scores == parse(read_text(folder / "o.json")));
  REQUIRE(scores == parse(run_well(command + "--json --batch 1", folder.path())));
  REQUIRE(scores.at("templates") == "imagenet80");
  REQUIRE(scores.at("per_class")[0].at("class") == "a rose");
  REQUIRE(scores.at("per_class")[1].at("class") == "tench");
  // Red pictures all go to one class, so one of its two reds is right or both roses are.
  REQUIRE((scores.at("top1") == 0.25 || scores.at("top1") == 0.5 || scores.at("top1") == 0.75));
  REQUIRE(scores.at("top5") == 1);
  REQUIRE_THAT(run_well(command, folder.path()), ContainsSubstring("4 pictures, 2 classes") && ContainsSubstring("top-1"));
  REQUIRE(parse(run_well(command + "--json --pictures-per-class 1", folder.path())).at("pictures") == 2);
}

TEST_CASE("eval zeroshot: two and three ranks give the numbers of one", "[e2e]") {
  const TemporaryFolder folder;
  write_classes(folder.path());
  const std::string command = "eval zeroshot " + stretched_model() + " --data set --device cpu --out ";
  run_well(command + "one.json", folder.path());
  for (const std::string count : {"2", "3"}) {
    run_well("launch --nproc " + count + " -- " + command + count + ".json", folder.path());
    REQUIRE(parse(read_text(folder / (count + ".json"))) == parse(read_text(folder / "one.json")));
  }
}

TEST_CASE("eval zeroshot: names and templates of one's own take the place of the published ones", "[e2e]") {
  const TemporaryFolder folder;
  write_classes(folder.path());
  write_text(folder / "names.json", R"({"a_rose": ["rose", "red rose"], "n01440764": "fish"})");
  write_text(folder / "mine.txt", "look, a {}!\n");
  const std::string command = "eval zeroshot " + stretched_model() + " --data set --json ";
  const Json scores = parse(run_well(command + "--classes names.json --templates mine.txt", folder.path()));
  REQUIRE(scores.at("per_class")[0].at("class") == "rose");
  REQUIRE(scores.at("templates") == "mine.txt");
  // Both classes called the same: all scores are equal, the first class wins, and half of the pictures are of it.
  write_text(folder / "same.txt", "fish\nfish\n");
  const Json same = parse(run_well(command + "--classes same.txt", folder.path()));
  REQUIRE(same.at("top1") == 0.5);
  REQUIRE(same.at("per_class")[0].at("top1") == 1);
}

TEST_CASE("eval zeroshot: a broken picture is an error with its name, or left out with --keep-going", "[e2e]") {
  const TemporaryFolder folder;
  write_classes(folder.path());
  write_text(folder / "set/a_rose/0.png", "not a picture");
  const std::string command = "eval zeroshot " + stretched_model() + " --data set --out o.json ";
  const CommandResult refused = run_longclip(command, folder.path());
  REQUIRE(refused.exit_code == 2);
  REQUIRE_THAT(refused.err, ContainsSubstring("set/a_rose/0.png"));
  REQUIRE(!fs::exists(folder / "o.json"));
  const Json scores = parse(run_well(command + "--json --keep-going", folder.path()));
  REQUIRE(scores.at("pictures") == 4);
  REQUIRE(scores.at("left_out") == 1);
}

TEST_CASE("eval zeroshot: what cannot be used is named", "[e2e]") {
  const TemporaryFolder folder;
  write_classes(folder.path());
  write_text(folder / "one.txt", "rose\n");
  write_text(folder / "no_place.txt", "a photo\n");
  fs::create_directories(folder / "empty/class");
  for (const auto& [arguments, says] : {std::pair{"--data none", "none: no such folder"},
                                        {"--data set/a_rose", "set/a_rose: holds no folder"},
                                        {"--data empty", "empty/class: the folder of this class holds no picture"},
                                        {"--data set --classes one.txt", "one.txt: names 1 classes, but there are 2 folders"},
                                        {"--data set --classes gone.txt", "gone.txt"},
                                        {"--data set --templates no_place.txt", "no_place.txt: a template must hold {} once"},
                                        {"--data set --templates imagenet", "neither imagenet80, cifar18 or simple, nor a file"}}) {
    const CommandResult result = run_longclip("eval zeroshot " + stretched_model() + " " + arguments, folder.path());
    CAPTURE(arguments, result.err);
    REQUIRE(result.exit_code == 2);
    REQUIRE_THAT(result.err, ContainsSubstring(says));
  }
}

}  // namespace longclip::test
