#pragma once
// kernels/column_sums_launch.h -- what column_sums_cuda.cpp and column_sums_cuda.cu share; no torch header (layer_norm_launch.h says why).

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>
#include <cuda_runtime_api.h>

#include <cstdint>

namespace longclip {

constexpr int kPacksOfBlock = 32, kRowsAtOnce = 8;  ///< 16 bytes each, side by side; one above the other

template <class Scalar> struct ColumnSums {
  const Scalar* x;  ///< [rows, columns], rows at multiples of 16 bytes
  float* sums;      ///< [parts, columns]
  int64_t rows, columns;
};

/// For float, c10::Half and c10::BFloat16.
template <class Scalar> void launch(const ColumnSums<Scalar>& arguments, int64_t parts, cudaStream_t stream);

}  // namespace longclip
