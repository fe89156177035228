#pragma once
// kernels/packed_rows.h -- tensors as the CUDA kernels of this folder want them.

#include <ATen/core/Tensor.h>

namespace longclip {

/// Contiguous, and beginning at a multiple of 16 bytes, which is what a thread reads at a time.
inline at::Tensor packed(const at::Tensor& tensor) {
  const at::Tensor dense = tensor.contiguous();
  return reinterpret_cast<uintptr_t>(dense.const_data_ptr()) % 16 == 0 ? dense : dense.clone();
}

}  // namespace longclip
