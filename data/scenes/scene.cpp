// data/scenes/scene.cpp -- every draw comes from base/random.h, so a scene is the same on every machine.
#include "data/scenes/scene.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/random.h"

namespace longclip {
namespace {
constexpr uint64_t kPictureKey = 0x7363656e65ULL;    // keeps these draws apart from other users of the same seed
constexpr uint64_t kWordingKey = 0x776f726473ULL;
constexpr int kLeastObjects = 2;
constexpr int kMostObjects = 6;

/// `below(2 * reach + 1)` moved to [-reach, reach].
int draw_shift(SceneDraws& draws, int reach) { return draws.below(2 * reach + 1) - reach; }

std::array<int, kSceneGrid * kSceneGrid> shuffled_cells(SceneDraws& draws) {
  std::array<int, kSceneGrid * kSceneGrid> cells{};
  for (int i = 0; i < static_cast<int>(cells.size()); ++i) {
    const int other = draws.below(i + 1);
    cells[static_cast<size_t>(i)] = cells[static_cast<size_t>(other)];
    cells[static_cast<size_t>(other)] = i;
  }
  return cells;
}

SceneObject draw_object(SceneDraws& draws, int cell, bool main_thing) {
  SceneObject object;
  object.shape = static_cast<SceneShape>(draws.below(kSceneShapes));
  object.color = static_cast<SceneColor>(draws.below(kSceneColors));
  object.large = main_thing;
  object.count = main_thing ? 1 : std::max(1, draws.below(4));  // as many single ones as groups
  object.row = cell / kSceneGrid;
  object.column = cell % kSceneGrid;
  // A large shape nearly fills its cell; only a small single one has room to move.
  const int reach = object.large || object.count > 1 ? 10 : 30;
  object.x_shift = draw_shift(draws, reach);
  object.y_shift = draw_shift(draws, reach);
  return object;
}
}  // namespace

int SceneDraws::below(int bound) {
  return static_cast<int>(draw_below(mix_keys(key_, drawn_++), static_cast<uint64_t>(bound)));
}

Scene draw_scene(uint64_t seed, uint64_t index) {
  SceneDraws draws(mix_keys(seed, index, kPictureKey));
  Scene scene;
  scene.wording = mix_keys(seed, index, kWordingKey);
  scene.backdrop_color = static_cast<BackdropColor>(draws.below(kBackdropColors));
  scene.backdrop_pattern = static_cast<BackdropPattern>(draws.below(kBackdropPatterns));
  const auto cells = shuffled_cells(draws);
  const auto wanted = static_cast<size_t>(kLeastObjects + draws.below(kMostObjects - kLeastObjects + 1));
  while (scene.objects.size() < wanted) {
    const size_t made = scene.objects.size();
    const SceneObject object = draw_object(draws, cells[made], made == 0);
    const bool alike = std::ranges::any_of(scene.objects, [&](const SceneObject& other) {
      return other.shape == object.shape && other.color == object.color;
    });
    if (!alike) scene.objects.push_back(object);
  }
  return scene;
}

}  // namespace longclip
