#pragma once
// model/vision_tower.h -- the ViT of CLIP: pixels -> one row of the joint embedding a picture.
// Shapes: B pictures, S side in pixels, P image tokens (1 + patches), W width, E joint embedding.

#include "model/transformer.h"

namespace longclip {

/// uint8 RGB pictures pixels_BSS3 -> float32 image_B3SS, normalised with CLIP's mean and deviation.
at::Tensor normalize_pixels(const at::Tensor& pixels_BSS3);

/// Source: OpenAI CLIP, clip/model.py VisionTransformer. The patch embedding is its conv1 with stride = kernel, computed
/// as one matrix product; no gradient goes to the pixels.
class VisionTower {
 public:
  VisionTower(const Architecture& architecture, const TakeWeight& take);
  /// image_B3SS, normalised -> [B, E], not divided by its norm, in the compute dtype.
  at::Tensor forward(const at::Tensor& image_B3SS, const ForwardOptions& options) const;
  /// Every image token [B, P, W] after the last LayerNorm, in the compute dtype: the class row, then the patches row by row
  /// from the top left. forward() is project() of the class row.
  at::Tensor forward_tokens(const at::Tensor& image_B3SS, const ForwardOptions& options) const;
  at::Tensor project(const at::Tensor& rows_BW) const;
  void visit(const VisitParameter& visitor);

 private:
  at::Tensor embed(const at::Tensor& image_B3SS, const ForwardOptions& options) const;

  Architecture architecture_;
  at::Tensor class_embedding_;       // [W]
  at::Tensor conv1_weight_;          // [W, 3, patch, patch]
  at::Tensor positional_embedding_;  // [P, W]
  at::Tensor proj_;                  // [W, E]
  Affine ln_pre_, ln_post_;
  Transformer transformer_;
};

}  // namespace longclip
