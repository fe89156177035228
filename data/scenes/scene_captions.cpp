// data/scenes/scene_captions.cpp -- sentences from templates; the scene's wording key chooses among them.
// What a sentence says is read off the scene, so no wording can be wrong about the picture.
#include "data/scenes/scene_captions.h"

#include <spdlog/fmt/fmt.h>

#include <array>
#include <cctype>
#include <utility>
#include <vector>

namespace longclip {
namespace {
/// Long captions get further sentences until they have this many words and marks (80 tokens, and a little to spare).
constexpr int kLeastLongTokens = 84;

constexpr std::array<const char*, kSceneShapes> kShapeWords = {"circle", "square",  "triangle", "star",
                                                               "cross",  "diamond", "ring",     "heart"};
constexpr std::array<const char*, kSceneColors> kColorWords = {"red",    "orange", "yellow", "green",    "blue",
                                                               "purple", "pink",   "brown",  "turquoise"};
constexpr std::array<const char*, kBackdropColors> kBackdropWords = {"white", "gray", "black", "beige"};
constexpr std::array<const char*, kBackdropPatterns> kPatternWords = {"", "horizontal stripes", "vertical stripes",
                                                                      "checks", "dots"};
constexpr std::array<const char*, 17> kNumberWords = {
    "no",    "one", "two",    "three",  "four",     "five",     "six",     "seven",  "eight",
    "nine", "ten",  "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen"};

/// How a cell is named: where something is (briefly, and fully), and as a thing of its own.
struct PlaceWords {
  const char* brief;
  const char* full;
  const char* noun;
};
constexpr std::array<PlaceWords, kSceneGrid * kSceneGrid> kPlaceWords = {{
    {"at the top left", "in the top left corner", "the top left corner"},
    {"at the top", "in the middle of the top", "the middle of the top"},
    {"at the top right", "in the top right corner", "the top right corner"},
    {"on the left", "in the middle of the left side", "the middle of the left side"},
    {"in the center", "in the very center", "the center"},
    {"on the right", "in the middle of the right side", "the middle of the right side"},
    {"at the bottom left", "in the bottom left corner", "the bottom left corner"},
    {"at the bottom", "in the middle of the bottom", "the middle of the bottom"},
    {"at the bottom right", "in the bottom right corner", "the bottom right corner"},
}};

template <class Enum, size_t size>
std::string word(const std::array<const char*, size>& words, Enum value) {
  return words.at(static_cast<size_t>(value));
}

std::string plural(const SceneObject& object) {
  const std::string shape = word(kShapeWords, object.shape);
  return shape + (object.shape == SceneShape::kCross ? "es" : "s");
}

/// "a large red star", "two small blue circles"
std::string with_article(const SceneObject& object) {
  const std::string color = word(kColorWords, object.color);
  if (object.count > 1) return fmt::format("{} small {} {}", word(kNumberWords, object.count), color, plural(object));
  return fmt::format("a {} {} {}", object.large ? "large" : "small", color, word(kShapeWords, object.shape));
}

/// "the red star", "the blue circles": unique, because no two objects are alike in shape and colour.
std::string with_the(const SceneObject& object) {
  const std::string shape = object.count > 1 ? plural(object) : word(kShapeWords, object.shape);
  return fmt::format("the {} {}", word(kColorWords, object.color), shape);
}

const char* is_or_are(const SceneObject& object) { return object.count > 1 ? "are" : "is"; }

size_t cell_of(const SceneObject& object) { return static_cast<size_t>(object.row * kSceneGrid + object.column); }

const PlaceWords& place_of(const SceneObject& object) { return kPlaceWords.at(cell_of(object)); }

/// "a plain white background", "a gray background with dots"
std::string backdrop_phrase(const Scene& scene) {
  const std::string color = word(kBackdropWords, scene.backdrop_color);
  if (scene.backdrop_pattern == BackdropPattern::kPlain) return fmt::format("a plain {} background", color);
  return fmt::format("a {} background with {}", color, word(kPatternWords, scene.backdrop_pattern));
}

std::string opening(const Scene& scene, SceneDraws& draws) {
  int shapes = 0;
  for (const SceneObject& object : scene.objects) shapes += object.count;
  const std::string number = word(kNumberWords, shapes);
  const std::string backdrop = backdrop_phrase(scene);
  switch (draws.below(3)) {
    case 0: return fmt::format("this picture shows {} shapes on {}", number, backdrop);
    case 1: return fmt::format("there are {} shapes on {}", number, backdrop);
    default: return fmt::format("on {} we see {} shapes", backdrop, number);
  }
}

std::string object_sentence(const SceneObject& object, SceneDraws& draws) {
  const std::string thing = with_article(object);
  const char* place = draws.below(2) == 0 ? place_of(object).brief : place_of(object).full;
  switch (draws.below(4)) {
    case 0: return fmt::format("{} there {} {}", place, is_or_are(object), thing);
    case 1: return fmt::format("{} {} {}", thing, is_or_are(object), place);
    case 2: return fmt::format("{} can be seen {}", thing, place);
    default: return fmt::format("{} we find {}", place, thing);
  }
}

std::string relation_sentence(const SceneObject& object, const SceneObject& other) {
  std::string relation;
  if (object.row != other.row) relation = object.row < other.row ? "above" : "below";
  if (object.column != other.column) {
    if (!relation.empty()) relation += " and ";
    relation += object.column < other.column ? "to the left of" : "to the right of";
  }
  return fmt::format("{} {} {} {}", with_the(object), is_or_are(object), relation, with_the(other));
}

std::string size_sentence(const SceneObject& object, SceneDraws& draws) {
  const char* size = object.large ? "large" : "small";
  if (draws.below(2) == 0) return fmt::format("{} {} {}", with_the(object), is_or_are(object), size);
  return fmt::format("the size of {} is {}", with_the(object), size);
}

/// Names up to two cells that hold nothing, or all that are left of `empty`, which it consumes.
std::string empty_sentence(std::vector<const char*>& empty, SceneDraws& draws) {
  const auto take = [&] {
    const auto chosen = empty.begin() + draws.below(static_cast<int>(empty.size()));
    const std::string noun = *chosen;
    empty.erase(chosen);
    return noun;
  };
  const std::string first = take();
  if (empty.empty()) return fmt::format("{} is empty", first);
  const std::string second = take();
  if (draws.below(2) == 0) return fmt::format("{} and {} are empty", first, second);
  return fmt::format("nothing is in {} or in {}", first, second);
}

std::vector<const char*> empty_cells(const Scene& scene) {
  std::array<bool, kSceneGrid * kSceneGrid> taken{};
  for (const SceneObject& object : scene.objects) taken.at(cell_of(object)) = true;
  std::vector<const char*> empty;
  for (size_t cell = 0; cell < taken.size(); ++cell) {
    if (!taken[cell]) empty.push_back(kPlaceWords[cell].noun);
  }
  return empty;
}

/// A paragraph that grows by sentences.
class Paragraph {
 public:
  void add(std::string sentence) {
    sentence[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(sentence[0])));
    if (!text_.empty()) text_ += ' ';
    text_ += sentence + '.';
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::vector<SceneObject> shuffled(std::vector<SceneObject> objects, SceneDraws& draws) {
  for (int i = static_cast<int>(objects.size()); i > 1; --i) {
    std::swap(objects[static_cast<size_t>(i - 1)], objects[static_cast<size_t>(draws.below(i))]);
  }
  return objects;
}
}  // namespace

std::string short_caption(const Scene& scene) {
  SceneDraws draws(scene.wording);
  const SceneObject& main_thing = scene.objects.at(0);
  const SceneObject& companion = scene.objects.at(1);
  const std::string what = with_article(main_thing);
  const PlaceWords& place = place_of(main_thing);
  switch (draws.below(4)) {
    case 0: return fmt::format("{} {} on {}", what, place.brief, backdrop_phrase(scene));
    case 1: return fmt::format("a picture with {} {} and {}", what, place.brief, with_article(companion));
    default:
      return fmt::format("{} {} and {} {}", what, place.brief, with_article(companion), place_of(companion).brief);
  }
}

std::string long_caption(const Scene& scene) {
  SceneDraws draws(scene.wording + 1);
  const std::vector<SceneObject> objects = shuffled(scene.objects, draws);
  const auto count = static_cast<int>(objects.size());
  std::vector<const char*> empty = empty_cells(scene);
  Paragraph paragraph;
  paragraph.add(opening(scene, draws));
  for (const SceneObject& object : objects) paragraph.add(object_sentence(object, draws));
  const int first = draws.below(count);
  for (int i = 0; i == 0 || rough_token_count(paragraph.text()) < kLeastLongTokens; ++i) {
    const SceneObject& object = objects[static_cast<size_t>((first + i) % count)];
    const SceneObject& other = objects[static_cast<size_t>((first + i + 1) % count)];
    paragraph.add(relation_sentence(object, other));
    if (!empty.empty()) paragraph.add(empty_sentence(empty, draws));
    const bool too_short = rough_token_count(paragraph.text()) < kLeastLongTokens;
    if (i < count && too_short) paragraph.add(size_sentence(object, draws));
  }
  return paragraph.text();
}

int rough_token_count(std::string_view caption) {
  int tokens = 2;  // start and end
  bool in_word = false;
  for (const char c : caption) {
    const bool letter = std::isalnum(static_cast<unsigned char>(c)) != 0;
    if (letter ? !in_word : c != ' ') ++tokens;
    in_word = letter;
  }
  return tokens;
}

}  // namespace longclip
