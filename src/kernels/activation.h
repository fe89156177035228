#pragma once
// kernels/activation.h -- the activation of OpenAI CLIP's MLP, forward and backward; kernels/linear.h makes one differentiable layer of it.

#include <ATen/core/Tensor.h>

namespace longclip {

/// QuickGELU: x * sigmoid(1.702 x), elementwise, any floating dtype. Knows no autograd.
at::Tensor quick_gelu(const at::Tensor& x);

struct QuickGeluGradient {
  at::Tensor grad_x;
  at::Tensor y;  ///< quick_gelu(x) once more, the same bits: it costs one write, and need not be kept
};

/// grad_y, x: of one shape and dtype.
QuickGeluGradient quick_gelu_backward(const at::Tensor& grad_y, const at::Tensor& x);

}  // namespace longclip
