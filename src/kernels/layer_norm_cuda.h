#pragma once
// kernels/layer_norm_cuda.h -- LayerNorm of a sum and its gradient on a GPU, one pass over the rows each way.
// Shapes: T rows, W width. See kernels/layer_norm.h for what is computed.

#include <ATen/core/Tensor.h>

namespace longclip {

constexpr double kLayerNormEps = 1e-5;  // OpenAI CLIP

/// Result and statistics of a forward pass.
struct NormedRows {
  at::Tensor sum, normed;  ///< [T, W], of the inputs' dtype
  at::Tensor mean, rstd;   ///< of each row, float32 here
};

struct NormedGrads {
  at::Tensor grad;                    ///< [T, W], for x and for delta
  at::Tensor grad_weight, grad_bias;  ///< [W], of the weight's dtype
};

/// Whether the kernels here take these: rows on a GPU of float32, float16 or bfloat16, with a float32 weight, and at most 1280
/// columns, a multiple of 8.
bool has_layer_norm_cuda(const at::Tensor& rows, const at::Tensor& weight);

/// `delta` may be undefined; then `sum` is x.
NormedRows layer_norm_cuda(const at::Tensor& x, const at::Tensor& delta, const at::Tensor& weight, const at::Tensor& bias, double eps);

/// `grad_sum` may be undefined; `saved.normed` is not read. Sums over the rows are made in a fixed order: the same numbers in every run.
NormedGrads layer_norm_cuda_backward(const at::Tensor& grad_normed, const at::Tensor& grad_sum, const NormedRows& saved, const at::Tensor& weight);

}  // namespace longclip
