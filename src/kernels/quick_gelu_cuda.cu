// kernels/quick_gelu_cuda.cu -- every thread takes 16 bytes at a time: the kernels wait for memory, not for arithmetic.
#include "kernels/quick_gelu_cuda.h"

#include <ATen/Dispatch.h>
#include <ATen/OpMathType.h>
#include <ATen/cuda/CUDAContext.h>
#include <ATen/ops/empty_like.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>

#include <algorithm>

#include "kernels/cuda_packs.cuh"

namespace longclip {
namespace {

constexpr int64_t kThreads = 256, kMostBlocks = 1 << 16;

template <class Wide> __device__ Wide sigmoid(Wide x) { return Wide(1) / (Wide(1) + exp(-x)); }

template <class Wide> struct Forward {
  __device__ Wide operator()(Wide x, Wide) const { return x * sigmoid(Wide(1.702) * x); }
};

template <class Wide> struct Backward {
  __device__ Wide operator()(Wide x, Wide grad_y) const {
    const Wide scaled = Wide(1.702) * x, share = sigmoid(scaled);
    return grad_y * (share + scaled * share * (Wide(1) - share));
  }
};

/// out[i] = function(x[i], grad[i]) for `packs` packs of kCount elements.
template <class Scalar, int kCount, class Function>
__global__ void map_packs(const Pack<Scalar, kCount>* x, const Pack<Scalar, kCount>* grad, Pack<Scalar, kCount>* out, int64_t packs, Function function) {
  using Wide = at::opmath_type<Scalar>;
  for (int64_t i = blockIdx.x * int64_t(blockDim.x) + threadIdx.x; i < packs; i += int64_t(gridDim.x) * blockDim.x) {
    const Pack<Scalar, kCount> in = x[i], gradient = grad[i];
    Pack<Scalar, kCount> result;
#pragma unroll
    for (int j = 0; j < kCount; ++j) result.values[j] = Scalar(function(Wide(in.values[j]), Wide(gradient.values[j])));
    out[i] = result;
  }
}

template <class Scalar, int kCount, class Function>
void launch(const Scalar* x, const Scalar* grad, Scalar* out, int64_t packs, Function function) {
  if (packs == 0) return;
  const auto blocks = static_cast<unsigned>(std::min((packs + kThreads - 1) / kThreads, kMostBlocks));
  using P = Pack<Scalar, kCount>;
  map_packs<Scalar, kCount><<<blocks, kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(
      reinterpret_cast<const P*>(x), reinterpret_cast<const P*>(grad), reinterpret_cast<P*>(out), packs, function);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

/// Packs of 16 bytes where the storage begins so, then the elements that are left.
template <class Scalar, class Function> void map(const at::Tensor& x, const at::Tensor& grad, const at::Tensor& out, Function function) {
  constexpr int kCount = kPackSize<Scalar>;
  const auto *from = x.const_data_ptr<Scalar>(), *gradient = grad.const_data_ptr<Scalar>();
  auto* to = out.mutable_data_ptr<Scalar>();
  const bool packed = is_aligned(from) && is_aligned(gradient) && is_aligned(to);
  const int64_t packs = packed ? x.numel() / kCount : 0, done = packs * kCount;
  launch<Scalar, kCount>(from, gradient, to, packs, function);
  launch<Scalar, 1>(from + done, gradient + done, to + done, x.numel() - done, function);
}

}  // namespace

at::Tensor quick_gelu_cuda(const at::Tensor& x) {
  const c10::cuda::CUDAGuard device(x.device());
  const at::Tensor from = x.contiguous(), out = at::empty_like(from);
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, x.scalar_type(), "quick_gelu",
                                  [&] { map<scalar_t>(from, from, out, Forward<at::opmath_type<scalar_t>>()); });
  return out;
}

at::Tensor quick_gelu_cuda_backward(const at::Tensor& grad_y, const at::Tensor& x) {
  const c10::cuda::CUDAGuard device(x.device());
  const at::Tensor from = x.contiguous(), grad = grad_y.contiguous(), out = at::empty_like(from);
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, x.scalar_type(), "quick_gelu_backward",
                                  [&] { map<scalar_t>(from, grad, out, Backward<at::opmath_type<scalar_t>>()); });
  return out;
}

}  // namespace longclip
