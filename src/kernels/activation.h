#pragma once
// kernels/activation.h -- the activations of CLIP's MLP.

#include <ATen/core/Tensor.h>

namespace longclip {

/// QuickGELU of OpenAI CLIP: x * sigmoid(1.702 x), elementwise, any floating dtype. Keeps only x for the gradient.
at::Tensor quick_gelu(const at::Tensor& x);

}  // namespace longclip
