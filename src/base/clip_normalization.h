#pragma once
// base/clip_normalization.h -- mean and deviation of CLIP's pixels, RGB, for values in [0, 1] (OpenAI CLIP, clip/clip.py).

#include <array>

namespace longclip {

inline constexpr std::array<double, 3> kClipPixelMean{0.48145466, 0.4578275, 0.40821073};
inline constexpr std::array<double, 3> kClipPixelStd{0.26862954, 0.26130258, 0.27577711};

}  // namespace longclip
