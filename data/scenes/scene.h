#pragma once
// data/scenes/scene.h -- what a demo picture is: coloured shapes on a 3x3 grid before a backdrop, drawn from a seed.
// A scene holds no pixels and no words; scene_painter.h draws it and scene_captions.h describes it.

#include <cstdint>
#include <vector>

namespace longclip {

enum class SceneShape { kCircle, kSquare, kTriangle, kStar, kCross, kDiamond, kRing, kHeart };
enum class SceneColor { kRed, kOrange, kYellow, kGreen, kBlue, kPurple, kPink, kBrown, kTurquoise };
/// Backdrops are never coloured like a shape, so every shape can be seen.
enum class BackdropColor { kWhite, kGray, kBlack, kBeige };
enum class BackdropPattern { kPlain, kHorizontalStripes, kVerticalStripes, kChecks, kDots };

inline constexpr int kSceneShapes = 8;
inline constexpr int kSceneColors = 9;
inline constexpr int kBackdropColors = 4;
inline constexpr int kBackdropPatterns = 5;
inline constexpr int kSceneGrid = 3;  ///< cells per side

/// One to three equal shapes that share a cell of the grid.
struct SceneObject {
  SceneShape shape = SceneShape::kCircle;
  SceneColor color = SceneColor::kRed;
  bool large = false;
  int count = 1;   ///< 1..3; the large one is alone
  int row = 0;     ///< 0 (top) .. 2
  int column = 0;  ///< 0 (left) .. 2
  int x_shift = 0, y_shift = 0;  ///< distance from the middle of the cell, in thousandths of the picture's side
  bool operator==(const SceneObject&) const = default;
};

/// Two to six objects in different cells, no two alike in both shape and colour. The first is the main thing: the only
/// large one, so a short caption is about what stands out (and a model learns it sooner).
struct Scene {
  BackdropColor backdrop_color = BackdropColor::kWhite;
  BackdropPattern backdrop_pattern = BackdropPattern::kPlain;
  std::vector<SceneObject> objects;
  uint64_t wording = 0;  ///< chooses among wordings of the captions; the picture does not depend on it
  bool operator==(const Scene&) const = default;
};

/// Draws in a row that depend on a key alone.
class SceneDraws {
 public:
  explicit SceneDraws(uint64_t key) : key_(key) {}
  /// The next draw, in [0, bound).
  int below(int bound);

 private:
  uint64_t key_;
  uint64_t drawn_ = 0;
};

/// The scene with this number of the endless set that belongs to `seed`.
Scene draw_scene(uint64_t seed, uint64_t index);

}  // namespace longclip
