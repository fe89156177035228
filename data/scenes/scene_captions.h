#pragma once
// data/scenes/scene_captions.h -- what is said about a scene: a short caption and a long one, both true of the picture.
// About 90 different words and marks, each one token of CLIP's vocabulary but for "triangles".

#include <string>
#include <string_view>

#include "data/scenes/scene.h"

namespace longclip {

/// The main thing, its place, and either one companion or the backdrop: 12..20 tokens of CLIP, start and end included.
std::string short_caption(const Scene& scene);

/// Backdrop, number of shapes, every object with its place, and how some of them lie to each other, in several
/// sentences: 80..200 tokens of CLIP, start and end included.
std::string long_caption(const Scene& scene);

/// Words and punctuation marks of a caption, plus start and end: CLIP's token count but for "triangles", which is
/// two tokens.
int rough_token_count(std::string_view caption);

}  // namespace longclip
