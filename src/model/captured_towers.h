#pragma once
// model/captured_towers.h -- both towers' GPU work recorded once for each shape, and replayed (CUDA graphs).
// Shapes: B pictures, N texts, S image side, E joint embedding.

#include <map>
#include <utility>

#include "kernels/captured_call.h"
#include "model/clip.h"

namespace longclip {

/// Encodes with gradient as Clip does, up to rounding. Recording costs about three passes for each new shape: for pictures their
/// number, for texts their number and that of their tokens, which filler texts round up. The host launches one graph a tower and
/// direction instead of about two thousand kernels: faster where the host was the limit, which are few pairs on a fast GPU.
class CapturedTowers {
 public:
  /// REQUIRES: `model` outlives it, is on a GPU, and its parameters stay in place; options.compute_dtype is bfloat16 or float16 and
  /// blocks are not recomputed. Throws InputError without CUDA.
  CapturedTowers(Clip& model, const ForwardOptions& options);

  /// Unit rows image_BE of normalised pictures.
  at::Tensor encode_image(const at::Tensor& image_B3SS);
  /// Unit rows text_NE of token ids. Throws as pack_texts().
  at::Tensor encode_text(std::vector<std::vector<int32_t>> ids);

  /// What the recorded work holds of the GPU's memory.
  int64_t held_bytes() const { return image_memory_.held_bytes() + text_memory_.held_bytes(); }

 private:
  Clip& model_;
  ForwardOptions options_;
  CapturedMemory image_memory_, text_memory_;
  std::map<int64_t, CapturedCall> image_calls_;                     // by B
  std::map<std::pair<int64_t, int64_t>, CapturedCall> text_calls_;  // by N and tokens
};

}  // namespace longclip
