#pragma once
// kernels/quick_gelu_launch.h -- what quick_gelu_cuda.cpp and quick_gelu_cuda.cu share; no torch header (layer_norm_launch.h says why).

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>
#include <cuda_runtime_api.h>

#include <cstdint>

namespace longclip {

/// For float, double, c10::Half and c10::BFloat16; `count` elements that lie behind each other.
template <class Scalar> void launch_quick_gelu(const Scalar* x, Scalar* y, int64_t count, cudaStream_t stream);
template <class Scalar> void launch_quick_gelu_backward(const Scalar* x, const Scalar* grad_y, Scalar* grad_x, Scalar* y, int64_t count, cudaStream_t stream);

}  // namespace longclip
