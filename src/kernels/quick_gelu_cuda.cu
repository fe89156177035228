// kernels/quick_gelu_cuda.cu -- every thread takes 16 bytes at a time: the kernels wait for memory, not for arithmetic.
#include "kernels/quick_gelu_launch.h"

#include <algorithm>

#include "kernels/cuda_packs.cuh"

namespace longclip {
namespace {

constexpr int64_t kThreads = 256, kMostBlocks = 1 << 16;

template <class Scalar> struct WideOf { using Type = float; };
template <> struct WideOf<double> { using Type = double; };

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
  using Wide = typename WideOf<Scalar>::Type;
  for (int64_t i = blockIdx.x * int64_t(blockDim.x) + threadIdx.x; i < packs; i += int64_t(gridDim.x) * blockDim.x) {
    const Pack<Scalar, kCount> in = x[i], gradient = grad[i];
    Pack<Scalar, kCount> result;
#pragma unroll
    for (int j = 0; j < kCount; ++j) result.values[j] = Scalar(function(Wide(in.values[j]), Wide(gradient.values[j])));
    out[i] = result;
  }
}

template <int kCount, class Scalar, class Function> void launch_packs(const Scalar* x, const Scalar* grad, Scalar* out, int64_t packs, Function function, cudaStream_t stream) {
  if (packs == 0) return;
  const auto blocks = static_cast<unsigned>(std::min((packs + kThreads - 1) / kThreads, kMostBlocks));
  using P = Pack<Scalar, kCount>;
  map_packs<Scalar, kCount><<<blocks, kThreads, 0, stream>>>(reinterpret_cast<const P*>(x), reinterpret_cast<const P*>(grad), reinterpret_cast<P*>(out), packs, function);
}

/// Packs of 16 bytes where all of them begin so, then the elements that are left.
template <class Scalar, class Function> void map(const Scalar* x, const Scalar* grad, Scalar* out, int64_t count, Function function, cudaStream_t stream) {
  constexpr int kCount = kPackSize<Scalar>;
  const auto is_aligned = [](const void* data) { return reinterpret_cast<uintptr_t>(data) % 16 == 0; };
  const int64_t packs = is_aligned(x) && is_aligned(grad) && is_aligned(out) ? count / kCount : 0, done = packs * kCount;
  launch_packs<kCount>(x, grad, out, packs, function, stream);
  launch_packs<1>(x + done, grad + done, out + done, count - done, function, stream);
}

}  // namespace

template <class Scalar> void launch_quick_gelu(const Scalar* x, Scalar* y, int64_t count, cudaStream_t stream) {
  map(x, x, y, count, Forward<typename WideOf<Scalar>::Type>(), stream);
}

template <class Scalar> void launch_quick_gelu_backward(const Scalar* x, const Scalar* grad_y, Scalar* grad_x, int64_t count, cudaStream_t stream) {
  map(x, grad_y, grad_x, count, Backward<typename WideOf<Scalar>::Type>(), stream);
}

#define LONGCLIP_QUICK_GELU_OF(Scalar)                                                     \
  template void launch_quick_gelu(const Scalar*, Scalar*, int64_t, cudaStream_t);          \
  template void launch_quick_gelu_backward(const Scalar*, const Scalar*, Scalar*, int64_t, cudaStream_t);
LONGCLIP_QUICK_GELU_OF(float)
LONGCLIP_QUICK_GELU_OF(double)
LONGCLIP_QUICK_GELU_OF(c10::Half)
LONGCLIP_QUICK_GELU_OF(c10::BFloat16)

}  // namespace longclip
