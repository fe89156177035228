#pragma once
// kernels/layer_norm.h -- the residual addition and the LayerNorm that follows it, as one operation with one gradient.
// Shapes: T rows, W width.

#include <ATen/core/Tensor.h>

namespace longclip {

/// What a residual block goes on with.
struct AddedNorm {
  at::Tensor sum_TW;     ///< x + delta: the residual stream
  at::Tensor normed_TW;  ///< LayerNorm of it
};

/// LayerNorm with eps 1e-5 (OpenAI CLIP) of x_TW + delta_TW, both of one floating dtype; delta_TW undefined: of x_TW.
/// weight_W and bias_W stay in their own dtype (float32 masters); statistics and arithmetic are float32, float64 for float64.
/// The gradient of both inputs is the sum of what comes back through both results, written in one pass on a GPU.
AddedNorm add_layer_norm(const at::Tensor& x_TW, const at::Tensor& delta_TW, const at::Tensor& weight_W, const at::Tensor& bias_W);

}  // namespace longclip
