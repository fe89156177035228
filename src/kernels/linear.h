#pragma once
// kernels/linear.h -- a linear layer on narrow rows with float32 master weights, with its gradient.
// Shapes: T rows, I inputs, O outputs.

#include <ATen/core/Tensor.h>

namespace longclip {

/// x_TI @ weight_OI^T + bias_O in the dtype of x_TI, to which weight and bias are cast. Their gradients come in their own
/// dtype: on a GPU the matrix product writes float32 and no narrow gradient is made.
at::Tensor linear(const at::Tensor& x_TI, const at::Tensor& weight_OI, const at::Tensor& bias_O);

}  // namespace longclip
