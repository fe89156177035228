#pragma once
// tests/src/model/plain_clip.h -- CLIP written once more and plainly: padded texts, whole blocks, a convolution.
// What the real towers skip (padding, all rows of the last block) is computed here, so that skipping can be judged.
// Shapes: N texts, L positions, B pictures, W width, E joint embedding.

#include <ATen/core/Tensor.h>

#include <vector>

#include "model/clip.h"

namespace longclip::test {

/// A small stretched CLIP of `layers` blocks a tower with random weights (`seed`) in every tensor, biases too.
Clip small_clip(Activation activation, int64_t layers, uint64_t seed, at::ScalarType dtype);

/// The same weights as leaves with gradient, in the dtype of the model.
TensorMap leaves_of(Clip& model);

/// Unit rows [N, E] of `ids`, each filled up with 0 to the context length. Attention over all L rows, causal mask.
at::Tensor plain_text_features(const TensorMap& weights, const Architecture& architecture,
                               const std::vector<std::vector<int32_t>>& ids);
/// Unit rows [B, E] of image_B3SS, with conv2d and whole blocks.
at::Tensor plain_image_features(const TensorMap& weights, const Architecture& architecture,
                                const at::Tensor& image_B3SS);

/// A random text of `length` ids from SOT to EOT, with no EOT inside.
std::vector<int32_t> random_text(int64_t length, const Architecture& architecture, uint64_t seed);

/// Largest |a - b| over the largest |b|.
double relative_difference(const at::Tensor& a, const at::Tensor& b);
/// The same of the gradients of `model` and of `leaves`, the worst parameter of those whose gradient is defined in both.
/// Throws where one has a gradient and the other has not. The kept text positions, no parameter, are left out.
double worst_gradient_difference(Clip& model, const TensorMap& leaves);

}  // namespace longclip::test
