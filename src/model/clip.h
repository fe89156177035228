#pragma once
// model/clip.h -- a CLIP or Long-CLIP: two towers and the logit scale.
// Shapes: B pictures, N texts, S image side, E joint embedding.

#include <vector>

#include "model/text_tower.h"
#include "model/vision_tower.h"

namespace longclip {

/// A trained tensor under its checkpoint name. `positional_embedding` is the trained rows alone.
struct Parameter {
  std::string name;
  at::Tensor tensor;
};

/// Features, and what they were read from: a row for each part of the input, before the projection. float32.
struct PartFeatures {
  at::Tensor feature_NE;  ///< unit rows
  at::Tensor parts;       ///< tokens of packed texts [T, W], or patches of pictures [B, P - 1, W]
};

class WeightTaker;  // clip.cpp

/// Owns its parameters (float32 leaves with gradient). Knows no ranks, loss or optimizer.
class Clip {
 public:
  /// `weights`: OpenAI names, any float dtype. Throws DataError that lists every missing, extra and misshapen tensor.
  Clip(const Architecture& architecture, TensorMap weights);

  /// Unit rows image_BE of normalised pictures image_B3SS, float32 (float64 if computed so).
  at::Tensor encode_image(const at::Tensor& image_B3SS, const ForwardOptions& options) const;
  /// Unit rows text_NE, float32 (float64 if computed so).
  at::Tensor encode_text(const PackedTexts& texts, const ForwardOptions& options) const;

  /// The same, with the patches row by row from the top left (the class token is left out), or the tokens: SOT ... EOT of
  /// each text. After the tower's last LayerNorm. Costs the whole last block; the features are the same up to rounding.
  PartFeatures encode_image_patches(const at::Tensor& image_B3SS, const ForwardOptions& options) const;
  PartFeatures encode_text_tokens(const PackedTexts& texts, const ForwardOptions& options) const;

  /// The log of the factor on cosines, a scalar.
  const at::Tensor& logit_scale() const { return logit_scale_; }
  void set_logit_scale(double value);
  void limit_logit_scale(double largest);
  const Architecture& architecture() const { return architecture_; }
  at::Device device() const { return logit_scale_.device(); }

  /// Parameters that are trained, in the order of the forward pass.
  std::vector<Parameter> trained_parameters();
  /// Takes a tower out of training.
  void freeze_vision();
  void freeze_text();
  /// Every tensor under its OpenAI name, detached, with one folded `positional_embedding`; shares storage where it can.
  TensorMap weights();
  /// Moves all parameters; they become new leaves.
  void to(at::Device device, at::ScalarType dtype = at::kFloat);

 private:
  Clip(const Architecture& architecture, WeightTaker taker);
  void visit(const VisitParameter& visitor);

  Architecture architecture_;
  VisionTower vision_;
  TextTower text_;
  at::Tensor logit_scale_;
};

/// Weights of an untrained model: OpenAI CLIP's initialize_parameters for both towers, logit_scale ln(1/0.07).
/// The same seed gives the same bits on every machine and number of threads.
TensorMap random_clip_weights(const Architecture& architecture, uint64_t seed);

}  // namespace longclip
