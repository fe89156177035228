#pragma once
// model/text_tower.h -- the text transformer of CLIP on packed texts: ids -> one row of the joint embedding a text.
// Shapes: N texts with T tokens in all, L positions, W width, E joint embedding.

#include "model/transformer.h"

namespace longclip {

/// Source: OpenAI CLIP, clip/model.py encode_text; Long-CLIP, model_longclip.py:encode_text @3966af9.
/// Differs from the source: texts are packed instead of padded to L. The tower is causal and read at the first EOT, so
/// what stands behind EOT changes neither the feature nor a gradient (docs/recipe.md).
class TextTower {
 public:
  TextTower(const Architecture& architecture, const TakeWeight& take);
  /// [N, E], not divided by its norm, in the compute dtype.
  at::Tensor forward(const PackedTexts& texts, const ForwardOptions& options) const;
  /// Every token of the texts [T, W] after the last LayerNorm, in the compute dtype; forward() is project() of the rows at EOT.
  at::Tensor forward_tokens(const PackedTexts& texts, const ForwardOptions& options) const;
  at::Tensor project(const at::Tensor& rows_NW) const;
  /// Visits the trained rows of the position table under "positional_embedding"; the kept rows are not a parameter.
  void visit(const VisitParameter& visitor);
  /// The whole position table [L, W]: the kept rows, then the trained ones.
  at::Tensor position_table() const;
  void to(at::Device device, at::ScalarType dtype);

 private:
  at::Tensor embed(const PackedTexts& texts, const ForwardOptions& options) const;

  Architecture architecture_;
  at::Tensor token_embedding_;  // [V, W]
  at::Tensor kept_positions_;   // [keep, W], not trained (Long-CLIP: the first 20 rows)
  at::Tensor trained_positions_;  // [L - keep, W]
  Affine ln_final_;
  at::Tensor text_projection_;  // [W, E]
  Transformer transformer_;
};

}  // namespace longclip
