#pragma once
// data/scenes/scene_painter.h -- draws a scene at any side, antialiased, and encodes it as PNG.
// OpenCV stays inside the source file; a picture leaves it as encoded bytes.

#include <string>

#include "data/scenes/scene.h"

namespace longclip {

/// A PNG of the scene, RGB, `side` x `side` pixels (16..1024); equal scenes give equal bytes.
/// Throws InputError for another side, std::runtime_error if OpenCV cannot encode.
std::string paint_scene_png(const Scene& scene, int side);

}  // namespace longclip
