// tests/data/scenes_test.cpp -- data/scenes: pictures and captions of the demo data.
#include <csignal>
#include <filesystem>
#include <opencv2/imgcodecs.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/signals.h"
#include "data/scenes/scene.h"
#include "data/scenes/scene_captions.h"
#include "data/scenes/scene_painter.h"
#include "data/scenes/scene_set.h"
#include "text/tokenizer.h"
#include "support/reference_data.h"
#include "support/catch.h"

namespace longclip {
namespace {
constexpr uint64_t kScenes = 2000;

cv::Mat painted(const Scene& scene, int side) {
  const std::string png = paint_scene_png(scene, side);
  return cv::imdecode(std::vector<uchar>(png.begin(), png.end()), cv::IMREAD_COLOR);
}

size_t occurrences(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

Scene two_objects() {
  Scene scene;
  scene.objects = {{.shape = SceneShape::kStar, .color = SceneColor::kRed, .large = true, .row = 0, .column = 0},
                   {.shape = SceneShape::kCircle, .color = SceneColor::kBlue, .count = 3, .row = 2, .column = 1}};
  return scene;
}
}  // namespace

TEST_CASE("draw_scene: a scene depends on seed and index alone and keeps its promises", "[data][unit]") {
  std::set<size_t> sizes;
  for (uint64_t i = 0; i < kScenes; ++i) {
    const Scene scene = draw_scene(5, i);
    REQUIRE(scene == draw_scene(5, i));
    REQUIRE_FALSE(scene == draw_scene(6, i));
    sizes.insert(scene.objects.size());
    std::set<std::pair<int, int>> cells, looks;
    for (const SceneObject& object : scene.objects) {
      cells.emplace(object.row, object.column);
      looks.emplace(static_cast<int>(object.shape), static_cast<int>(object.color));
      REQUIRE(object.large == (&object == &scene.objects[0]));
      REQUIRE(object.count >= 1);
      REQUIRE(object.count <= (object.large ? 1 : 3));
    }
    REQUIRE(cells.size() == scene.objects.size());
    REQUIRE(looks.size() == scene.objects.size());
  }
  REQUIRE(sizes == std::set<size_t>{2, 3, 4, 5, 6});
}

TEST_CASE("Scene captions: CLIP sees 12 to 20 ids in the short one and 80 to 200 in the long one", "[data][unit]") {
  const auto ids = [](const std::string& caption) {
    return static_cast<int>(Tokenizer::clip().encode(caption, 1000).ids.size());
  };
  for (uint64_t i = 0; i < kScenes; ++i) {
    const Scene scene = draw_scene(1, i);
    const std::string brief = short_caption(scene), full = long_caption(scene);
    INFO(brief << "\n" << full);
    REQUIRE(ids(brief) >= 12);
    REQUIRE(ids(brief) <= 20);
    REQUIRE(ids(full) >= 80);
    REQUIRE(ids(full) <= 200);
    REQUIRE(rough_token_count(full) == ids(full) - static_cast<int>(occurrences(full, "riangles")));
  }
}

TEST_CASE("Scene captions: different scenes have different captions", "[data][unit]") {
  std::set<std::string> briefs, fulls;
  for (uint64_t i = 0; i < kScenes; ++i) {
    briefs.insert(short_caption(draw_scene(1, i)));
    fulls.insert(long_caption(draw_scene(1, i)));
  }
  REQUIRE(fulls.size() == kScenes);
  REQUIRE(briefs.size() > kScenes * 9 / 10);
}

TEST_CASE("Scene captions: every wording says what the picture shows and nothing else", "[data][unit]") {
  Scene scene = two_objects();
  std::set<std::string> wordings;
  for (scene.wording = 0; scene.wording < 200; ++scene.wording) {
    const std::string brief = short_caption(scene), full = long_caption(scene);
    INFO(brief << "\n" << full);
    wordings.insert(full);
    REQUIRE_THAT(brief, ContainsSubstring("a large red star at the top left"));
    REQUIRE(occurrences(brief, "three small blue circles") + occurrences(brief, "a plain white background") == 1);
    REQUIRE(occurrences(full, "large red star") == 1);
    REQUIRE(occurrences(full, "hree small blue circles") == 1);
    REQUIRE(occurrences(full, "plain white background") == 1);
    REQUIRE_THAT(full, ContainsSubstring("four shapes"));
    REQUIRE(occurrences(full, "red star is above and to the left of the blue circles") +
                occurrences(full, "blue circles are below and to the right of the red star") >= 1);
    for (const char* wrong : {"green", "gray", "dots", "square", "small red", "large blue", "top left corner are empty",
                              "in the top left corner or", "middle of the bottom are empty", "red star is small"}) {
      REQUIRE(occurrences(full, wrong) == 0);
    }
  }
  REQUIRE(wordings.size() > 100);
}

TEST_CASE("Scene painter: shapes lie where the scene puts them, in their colour, at every side", "[data][unit]") {
  const Scene scene = two_objects();
  for (const int side : {16, 64, 100, 224}) {
    const cv::Mat picture = painted(scene, side);
    REQUIRE(picture.rows == side);
    REQUIRE(picture.cols == side);
    const auto at = [&](double x, double y) {
      return picture.at<cv::Vec3b>(static_cast<int>(y * side), static_cast<int>(x * side));
    };
    REQUIRE(at(1.0 / 6, 1.0 / 6) == cv::Vec3b(25, 25, 220));            // star, BGR
    REQUIRE(at(0.5 - 0.083, 5.0 / 6 + 0.075) == cv::Vec3b(225, 70, 30));  // one of the three circles
    REQUIRE(at(0.5, 0.5) == cv::Vec3b(252, 252, 252));
    REQUIRE(at(0.9, 0.9) == cv::Vec3b(252, 252, 252));
  }
  REQUIRE_THROWS_AS(paint_scene_png(scene, 8), InputError);
}

TEST_CASE("Scene painter: every shape, colour and backdrop looks different at 64 pixels", "[data][unit]") {
  std::set<std::string> pictures;
  Scene scene = two_objects();
  for (int shape = 0; shape < kSceneShapes; ++shape) {
    for (int color = 0; color < kSceneColors; ++color) {
      scene.objects[0].shape = static_cast<SceneShape>(shape);
      scene.objects[0].color = static_cast<SceneColor>(color);
      pictures.insert(paint_scene_png(scene, 64));
    }
  }
  for (int color = 0; color < kBackdropColors; ++color) {
    for (int pattern = 0; pattern < kBackdropPatterns; ++pattern) {
      scene = two_objects();
      scene.backdrop_color = static_cast<BackdropColor>(color);
      scene.backdrop_pattern = static_cast<BackdropPattern>(pattern);
      pictures.insert(paint_scene_png(scene, 64));
    }
  }
  // White and plain with the red star is in both halves.
  REQUIRE(pictures.size() == kSceneShapes * kSceneColors + kBackdropColors * kBackdropPatterns - 1);
}

TEST_CASE("write_scene_set: the same options give the same bytes, and a part of a range its scenes", "[data][unit]") {
  const test::TemporaryFolder folder;
  write_scene_set(folder / "one", {.seed = 3, .first_index = 10, .count = 6});
  write_scene_set(folder / "two/", {.seed = 3, .first_index = 10, .count = 6});
  write_scene_set(folder / "part", {.seed = 3, .first_index = 14, .count = 1});
  REQUIRE(read_file(folder / "one/triples.jsonl") == read_file(folder / "two/triples.jsonl"));
  for (int i = 0; i < 6; ++i) {
    const std::string name = fmt::format("images/{:06}.png", i);
    REQUIRE(read_file(folder / "one" / name) == read_file(folder / "two" / name));
  }
  REQUIRE(read_file(folder / "one/images/000004.png") == read_file(folder / "part/images/000000.png"));

  const std::string line = read_file(folder / "part/triples.jsonl");
  const Json row = parse_json(line.substr(0, line.find('\n')), "part");
  REQUIRE(row.size() == 3);
  REQUIRE(row["image"] == "images/000000.png");
  REQUIRE(row["long"] == long_caption(draw_scene(3, 14)));
  REQUIRE(row["short"] == short_caption(draw_scene(3, 14)));
}

TEST_CASE("write_scene_set: nothing is overwritten, and an interrupted set has another name", "[data][unit]") {
  const test::TemporaryFolder folder;
  const std::filesystem::path set = folder / "set";
  install_stop_signals();
  std::raise(SIGTERM);
  REQUIRE_THROWS_AS(write_scene_set(set, {.count = 2}), Stopped);
  clear_stop_request();
  REQUIRE_FALSE(std::filesystem::exists(set));
  REQUIRE(std::filesystem::exists(folder / "set.partial"));
  write_scene_set(set, {.count = 2});
  REQUIRE_FALSE(std::filesystem::exists(folder / "set.partial"));
  REQUIRE_THROWS_WITH(write_scene_set(set, {.count = 2}), ContainsSubstring("already exists"));
  REQUIRE_THROWS_AS(write_scene_set(folder / "none", {.count = 0}), InputError);
  REQUIRE_FALSE(std::filesystem::exists(folder / "none"));
}

}  // namespace longclip
