#pragma once
// kernels/column_sums_cuda.h -- the sum of a matrix's rows on a GPU: the gradient of a bias.

#include <ATen/core/Tensor.h>

namespace longclip {

/// x_TC [T, C] of float32, float16 or bfloat16 on a GPU -> [C] float32. Fixed order: the same numbers in every run.
at::Tensor column_sums_cuda(const at::Tensor& x_TC);

}  // namespace longclip
