#pragma once
// kernels/cuda_packs.cuh -- 16 bytes of a row as numbers: what the kernels of this folder read and write at a time.

#include <ATen/core/Tensor.h>

namespace longclip {

template <class Scalar, int kCount> struct alignas(sizeof(Scalar) * kCount) Pack {
  Scalar values[kCount];
};

template <class Scalar> constexpr int kPackSize = 16 / sizeof(Scalar);

inline bool is_aligned(const void* data) { return reinterpret_cast<uintptr_t>(data) % 16 == 0; }

/// A contiguous tensor that begins where a pack may.
inline at::Tensor packed(const at::Tensor& tensor) {
  const at::Tensor dense = tensor.contiguous();
  return is_aligned(dense.const_data_ptr()) ? dense : dense.clone();
}

}  // namespace longclip
