// data/scenes/scene_painter.cpp -- everything is drawn without smoothing at four times the side, then averaged down:
// integer arithmetic only, so the bytes do not depend on the processor.
#include "data/scenes/scene_painter.h"

#include <array>
#include <cmath>
#include <numbers>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "base/error.h"

namespace longclip {
namespace {
constexpr int kOversampling = 4;
// Fractions of the picture's side; a cell of the grid is 1/3.
constexpr double kLargeRadius = 0.160;
constexpr double kSmallRadius = 0.105;
constexpr double kGroupRadius = 0.076;  // two side by side, or three in a triangle, fit into a cell

cv::Scalar rgb(int red, int green, int blue) { return {double(blue), double(green), double(red)}; }

cv::Scalar paint_of(SceneColor color) {
  switch (color) {
    case SceneColor::kRed: return rgb(220, 25, 25);
    case SceneColor::kOrange: return rgb(255, 135, 0);
    case SceneColor::kYellow: return rgb(250, 225, 30);
    case SceneColor::kGreen: return rgb(25, 150, 40);
    case SceneColor::kBlue: return rgb(30, 70, 225);
    case SceneColor::kPurple: return rgb(135, 40, 175);
    case SceneColor::kPink: return rgb(255, 130, 195);
    case SceneColor::kBrown: return rgb(125, 70, 30);
    case SceneColor::kTurquoise: return rgb(40, 205, 200);
  }
  fail<std::logic_error>("no paint for colour {}", static_cast<int>(color));
}

/// The ground and the shade of the same colour that its pattern is drawn with.
std::array<cv::Scalar, 2> paints_of(BackdropColor color) {
  switch (color) {
    case BackdropColor::kWhite: return {rgb(252, 252, 252), rgb(212, 212, 212)};
    case BackdropColor::kGray: return {rgb(150, 150, 150), rgb(110, 110, 110)};
    case BackdropColor::kBlack: return {rgb(10, 10, 10), rgb(58, 58, 58)};
    case BackdropColor::kBeige: return {rgb(240, 222, 184), rgb(208, 182, 136)};
  }
  fail<std::logic_error>("no paint for backdrop {}", static_cast<int>(color));
}

int to_pixels(double fraction, const cv::Mat& canvas) { return static_cast<int>(std::lround(fraction * canvas.rows)); }

void paint_backdrop(cv::Mat& canvas, const Scene& scene) {
  const auto [ground, shade] = paints_of(scene.backdrop_color);
  canvas.setTo(ground);
  constexpr int kTiles = 8;
  const auto rectangle = [&](int column, int row, int columns, int rows) {
    const auto edge = [&](int tile) { return to_pixels(double(tile) / kTiles, canvas); };
    canvas(cv::Range(edge(row), edge(row + rows)), cv::Range(edge(column), edge(column + columns))).setTo(shade);
  };
  for (int i = 0; i < kTiles; ++i) {
    if (scene.backdrop_pattern == BackdropPattern::kHorizontalStripes && i % 2 == 1) rectangle(0, i, kTiles, 1);
    if (scene.backdrop_pattern == BackdropPattern::kVerticalStripes && i % 2 == 1) rectangle(i, 0, 1, kTiles);
    for (int j = 0; j < kTiles; ++j) {
      if (scene.backdrop_pattern == BackdropPattern::kChecks && (i + j) % 2 == 1) rectangle(i, j, 1, 1);
      if (scene.backdrop_pattern == BackdropPattern::kDots) {
        const cv::Point middle(to_pixels((i + 0.5) / kTiles, canvas), to_pixels((j + 0.5) / kTiles, canvas));
        cv::circle(canvas, middle, to_pixels(0.028, canvas), shade, cv::FILLED);
      }
    }
  }
}

/// Corners of a shape in units of its radius, y downwards. Empty for circle and ring.
std::vector<cv::Point2d> corners_of(SceneShape shape) {
  constexpr double kPi = std::numbers::pi;
  std::vector<cv::Point2d> corners;
  switch (shape) {
    case SceneShape::kCircle:
    case SceneShape::kRing: return {};
    case SceneShape::kSquare: return {{-0.85, -0.85}, {0.85, -0.85}, {0.85, 0.85}, {-0.85, 0.85}};
    case SceneShape::kTriangle: return {{0, -0.95}, {1, 0.85}, {-1, 0.85}};
    case SceneShape::kDiamond: return {{0, -1}, {0.7, 0}, {0, 1}, {-0.7, 0}};
    case SceneShape::kCross:
      return {{-0.3, -1}, {0.3, -1}, {0.3, -0.3}, {1, -0.3}, {1, 0.3}, {0.3, 0.3},
              {0.3, 1}, {-0.3, 1}, {-0.3, 0.3}, {-1, 0.3}, {-1, -0.3}, {-0.3, -0.3}};
    case SceneShape::kStar:
      for (int i = 0; i < 10; ++i) {
        const double reach = i % 2 == 0 ? 1.08 : 0.43;
        corners.emplace_back(reach * std::sin(i * kPi / 5), -reach * std::cos(i * kPi / 5));
      }
      return corners;
    case SceneShape::kHeart:  // the curve x = 16 sin^3 t, y = 13 cos t - 5 cos 2t - 2 cos 3t - cos 4t
      for (int i = 0; i < 48; ++i) {
        const double t = i * kPi / 24;
        corners.emplace_back(std::pow(std::sin(t), 3),
                             -(13 * std::cos(t) - 5 * std::cos(2 * t) - 2 * std::cos(3 * t) - std::cos(4 * t)) / 16);
      }
      return corners;
  }
  fail<std::logic_error>("no outline for shape {}", static_cast<int>(shape));
}

/// Draws one shape; middle and radius are fractions of the side.
void paint_shape(cv::Mat& canvas, SceneShape shape, const cv::Scalar& paint, cv::Point2d middle, double radius) {
  const cv::Point pixel(to_pixels(middle.x, canvas), to_pixels(middle.y, canvas));
  if (shape == SceneShape::kCircle) return cv::circle(canvas, pixel, to_pixels(radius, canvas), paint, cv::FILLED);
  if (shape == SceneShape::kRing) {
    return cv::circle(canvas, pixel, to_pixels(radius * 0.78, canvas), paint, to_pixels(radius * 0.44, canvas));
  }
  std::vector<cv::Point> outline;
  for (const cv::Point2d& corner : corners_of(shape)) {
    const cv::Point2d at = middle + radius * corner;
    outline.emplace_back(to_pixels(at.x, canvas), to_pixels(at.y, canvas));
  }
  cv::fillPoly(canvas, std::vector<std::vector<cv::Point>>{outline}, paint);
}

void paint_object(cv::Mat& canvas, const SceneObject& object) {
  static const std::array<std::vector<cv::Point2d>, 3> kPlaces = {{
      {{0, 0}},
      {{-0.083, 0}, {0.083, 0}},
      {{-0.083, 0.075}, {0.083, 0.075}, {0, -0.075}},
  }};
  const cv::Point2d middle((object.column + 0.5) / kSceneGrid + object.x_shift / 1000.0,
                           (object.row + 0.5) / kSceneGrid + object.y_shift / 1000.0);
  const double radius = object.count > 1 ? kGroupRadius : object.large ? kLargeRadius : kSmallRadius;
  for (const cv::Point2d& place : kPlaces.at(static_cast<size_t>(object.count - 1))) {
    paint_shape(canvas, object.shape, paint_of(object.color), middle + place, radius);
  }
}
}  // namespace

std::string paint_scene_png(const Scene& scene, int side) {
  require<InputError>(side >= 16 && side <= 1024, "a picture of {} pixels; the side of a scene is 16 to 1024", side);
  cv::Mat canvas(side * kOversampling, side * kOversampling, CV_8UC3);
  paint_backdrop(canvas, scene);
  for (const SceneObject& object : scene.objects) paint_object(canvas, object);
  cv::Mat picture;
  cv::resize(canvas, picture, cv::Size(side, side), 0, 0, cv::INTER_AREA);
  std::vector<uchar> bytes;
  const bool encoded = cv::imencode(".png", picture, bytes, {cv::IMWRITE_PNG_COMPRESSION, 1});  // 1: fast
  require<std::runtime_error>(encoded, "OpenCV cannot encode a PNG of {} pixels", side);
  return {bytes.begin(), bytes.end()};
}

}  // namespace longclip
