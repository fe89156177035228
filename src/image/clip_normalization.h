#pragma once
// image/clip_normalization.h -- mean and standard deviation of the pixels that every CLIP model expects:
// (byte / 255 - mean) / std for red, green, blue.
// Source: OpenAI CLIP, clip/clip.py, _transform (also Long-CLIP, model/longclip.py).

#include <array>

namespace longclip {

inline constexpr std::array<float, 3> kClipMean = {0.48145466F, 0.4578275F, 0.40821073F};
inline constexpr std::array<float, 3> kClipStd = {0.26862954F, 0.26130258F, 0.27577711F};

}  // namespace longclip
