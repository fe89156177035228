#pragma once
// kernels/cuda_packs.cuh -- 16 bytes of a row as numbers: what a thread of the kernels of this folder reads and writes at a time.

namespace longclip {

template <class Scalar, int kCount> struct alignas(sizeof(Scalar) * kCount) Pack {
  Scalar values[kCount];
};

template <class Scalar> constexpr int kPackSize = 16 / sizeof(Scalar);

}  // namespace longclip
