// tests/e2e/recipes_test.cpp -- the configs of data/recipes on small data that lies as data/recipes/README.md says.
#include <spdlog/fmt/fmt.h>

#include "program.h"

#include "support/catch.h"

namespace longclip::test {
namespace fs = std::filesystem;

namespace {

/// A project's root: data/recipes, and datasets/ with pictures (whatever their endings) and files.
class Project {
 public:
  Project() {
    fs::create_directories(folder_ / "data");
    fs::copy(source_dir() / "data/recipes", folder_ / "data/recipes");
  }
  void write(const std::string& file, const std::string& text) const {
    fs::create_directories((datasets() / file).parent_path());
    write_text(datasets() / file, text);
  }
  void write_json(const std::string& file, const Json& json) const { write(file, to_json_line(json)); }
  void paint(const std::string& file) const {
    fs::create_directories((datasets() / file).parent_path());
    write_red_png(datasets() / file);
  }
  /// Prepares a recipe whose `rows` must all be good, and whose retrieval set is found; `set`: as the log tells it.
  void check(const std::string& recipe, int64_t rows, const std::string& set) const {
    const CommandResult result = run_longclip(
        "prepare data/recipes/" + recipe + ".yaml --json --set data.cache_dir=cache --set data.pairs_per_step=2",
        folder_.path());
    CAPTURE(recipe, result.err);
    REQUIRE(result.exit_code == 0);
    const Json report = parse_json(result.out, "prepare");
    REQUIRE((report.at("rows") == rows && report.at("good") == rows));
    REQUIRE(report.at("steps_per_epoch") == rows / 2);
    REQUIRE_THAT(result.err, ContainsSubstring("eval.retrieval " + set + "\n"));
  }
  fs::path datasets() const { return folder_ / "datasets"; }
  const fs::path& root() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

std::string jsonl(const std::vector<Json>& rows) {
  std::string text;
  for (const Json& row : rows) text += to_json_line(row) + "\n";
  return text;
}

/// The rows of the three collections, behind the 1000 of the validation.
void write_sharegpt4v(const Project& project) {
  Json rows = Json::array();
  const auto add = [&](const std::string& image) {
    rows.push_back(
        {{"id", "1"},
         {"image", image},
         {"conversations",
          {{{"from", "human"}, {"value", "What is it?"}}, {{"from", "gpt"}, {"value", "A square. It is red."}}}}});
  };
  for (int i = 0; i < 1000; ++i) add(fmt::format("sam/images/sa_{}.jpg", i));
  for (const std::string image : {"coco/train2017/000000000009.jpg", "llava/llava_pretrain/images/00000/000000010.jpg",
                                  "sam/images/sa_545504.jpg"}) {
    project.paint("sharegpt4v/" + image);
    add(image);
  }
  project.write_json("sharegpt4v/share-captioner_coco_lcs_sam_1246k_1107.json", rows);
}

/// A captions file of COCO and its pictures: two captions of each.
void write_coco_part(const Project& project, const std::string& part, const std::vector<int>& ids) {
  Json images = Json::array(), annotations = Json::array();
  for (const int id : ids) {
    const std::string name = fmt::format("{:012}.jpg", id);
    project.paint("coco/" + part + "/" + name);
    images.push_back({{"id", id}, {"file_name", name}, {"height", 2}, {"width", 2}});
    for (const std::string caption : {"A red square.", "Something red."})
      annotations.push_back({{"image_id", id}, {"id", annotations.size()}, {"caption", caption}});
  }
  project.write_json(
      "coco/annotations/captions_" + part + ".json",
      {{"info", Json::object()}, {"licenses", Json::array()}, {"images", images}, {"annotations", annotations}});
}

/// The first block of shell commands that begins so in the recipes' README.
std::string commands_of_readme(const std::string& start) {
  const std::string text = read_text(source_dir() / "data/recipes/README.md");
  const size_t at = text.find("```sh\n" + start);
  REQUIRE(at != std::string::npos);
  const size_t from = at + 6;
  return text.substr(from, text.find("```", from) - from);
}

}  // namespace

TEST_CASE("Recipes: ShareGPT4V trains on what follows its first 1000 rows, and Urban1k is measured beside it",
          "[e2e]") {
  const Project project;
  write_sharegpt4v(project);
  project.check("sharegpt4v", 3, "val, long captions: 1000 pictures");
  for (const std::string name : {"1", "2"}) {
    project.paint("Urban1k/image/" + name + ".jpg");
    project.write("Urban1k/caption/" + name + ".txt", "A square. It is red.\n");
  }
  project.check("urban1k", 3, "urban1k, long captions: 2 pictures");
}

TEST_CASE("Recipes: DOCCI is read as the script of the README writes it", "[e2e]") {
  if (run_command("python3 -c pass").exit_code != 0) return say_skipped("the recipe of DOCCI", "python3");
  const Project project;
  std::vector<Json> rows;
  for (const std::string id : {"train_00000", "train_00001", "test_00000", "qual_dev_00000"}) {
    project.paint("docci/images/" + id + ".jpg");
    rows.push_back({{"example_id", id},
                    {"split", id.substr(0, id.rfind('_'))},
                    {"image_file", id + ".jpg"},
                    {"description", "A \"square\" \u2014 red."}});
  }
  project.write("docci/docci_descriptions.jsonlines", jsonl(rows));
  write_text(project.root() / "script.sh", commands_of_readme("cd datasets/docci"));
  REQUIRE(run_command("sh script.sh", project.root()).exit_code == 0);
  project.check("docci", 2, "docci, long captions: 1 pictures");
}

TEST_CASE("Recipes: COCO and Flickr30k have several short captions a picture, and their own splits", "[e2e]") {
  const Project project;
  write_coco_part(project, "train2017", {9, 25, 30, 34});
  write_coco_part(project, "val2017", {139});
  project.check("coco", 4, "coco, short captions: 1 pictures");
  Json images = Json::array();
  for (const std::string split : {"train", "train", "train", "val", "test", "test"}) {
    const std::string name = fmt::format("{}.jpg", 1000092795 + images.size());
    project.paint("flickr30k/flickr30k-images/" + name);
    images.push_back(
        {{"filename", name},
         {"imgid", images.size()},
         {"split", split},
         {"sentences", {{{"raw", "A red square."}, {"tokens", {"a", "red", "square"}}}, {{"raw", "Red."}}}}});
  }
  project.write_json("flickr30k/dataset_flickr30k.json", {{"images", images}, {"dataset", "flickr30k"}});
  project.check("flickr30k", 3, "flickr30k, short captions: 2 pictures");
}

TEST_CASE("Recipes: one's own JSON lines", "[e2e]") {
  const Project project;
  for (const std::string name : {"0001", "0002", "0003"}) project.paint("mine/photos/" + name + ".jpg");
  const Json row = {{"image", "0001.jpg"}, {"long", "A square. It is red."}, {"short", "A square."}};
  const Json other = {{"image", "0002.jpg"}, {"long", "A red square."}};
  const Json last = {{"image", "0003.jpg"}, {"long", "A square."}};
  project.write("mine/train.jsonl", jsonl({row, other}));
  project.write("mine/val.jsonl", jsonl({last}));
  project.check("own_jsonl", 2, "val, long captions: 1 pictures");
}

}  // namespace longclip::test
