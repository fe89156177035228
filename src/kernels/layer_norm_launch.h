#pragma once
// kernels/layer_norm_launch.h -- what layer_norm_cuda.cpp and layer_norm_cuda.cu share: no torch header, which nvcc would read once
// for each of its architectures.

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>
#include <cuda_runtime_api.h>

#include <cstdint>

namespace longclip {

constexpr int kRowsOfBlock = 8;  ///< a warp each

/// Rows lie behind each other and begin at multiples of 16 bytes.
template <class Scalar> struct LayerNormForward {
  const Scalar *x, *delta;  ///< delta: null, or added to x, and the sum written
  const float *weight, *bias;
  Scalar *sum, *normed;
  float *mean, *rstd, eps;
  int64_t rows;
  int width;
};

template <class Scalar> struct LayerNormBackward {
  const Scalar *grad_normed, *grad_sum, *sum;
  const float *weight, *mean, *rstd;
  Scalar* grad;
  float* sums;  ///< [blocks, 2, width]: gradients of weight and bias, a block each
  int64_t rows;
  int width;
};

/// For float, c10::Half and c10::BFloat16. REQUIRES at least one row, and a width that has_layer_norm_cuda() takes.
template <class Scalar> void launch(const LayerNormForward<Scalar>& arguments, cudaStream_t stream);
template <class Scalar> void launch(const LayerNormBackward<Scalar>& arguments, int64_t blocks, cudaStream_t stream);

}  // namespace longclip
