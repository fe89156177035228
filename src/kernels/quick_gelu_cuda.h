#pragma once
// kernels/quick_gelu_cuda.h -- QuickGELU and its gradient on a GPU, one pass each: the twin of kernels/quick_gelu_loops.h.

#include "kernels/activation.h"

namespace longclip {

/// x * sigmoid(1.702 x), contiguous, of x's dtype; arithmetic in float32 (float64 for float64).
at::Tensor quick_gelu_cuda(const at::Tensor& x);
/// grad_y * (s + 1.702 x s (1 - s)), s = sigmoid(1.702 x), and quick_gelu_cuda(x). Both tensors of one shape and dtype.
QuickGeluGradient quick_gelu_cuda_backward(const at::Tensor& grad_y, const at::Tensor& x);

}  // namespace longclip
