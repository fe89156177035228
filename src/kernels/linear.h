#pragma once
// kernels/linear.h -- a linear layer on narrow rows with float32 master weights, with its gradient.
// Shapes: T rows, I inputs, O outputs.

#include <ATen/core/Tensor.h>

namespace longclip {

/// x_TI @ weight_OI^T + bias_O in the dtype of x_TI, to which weight and bias are cast. Their gradients come in their own
/// dtype: on a GPU the matrix product writes float32 and no narrow gradient is made.
at::Tensor linear(const at::Tensor& x_TI, const at::Tensor& weight_OI, const at::Tensor& bias_O);

/// linear(quick_gelu(hidden_TI), ...), the second half of OpenAI CLIP's MLP. Keeps hidden_TI alone for the gradient: the activation is
/// made once more, in the pass that makes its gradient. That is a fifth of what a block would keep.
at::Tensor quick_gelu_linear(const at::Tensor& hidden_TI, const at::Tensor& weight_OI, const at::Tensor& bias_O);

}  // namespace longclip
