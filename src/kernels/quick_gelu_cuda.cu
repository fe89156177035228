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

/// y[i] = quick_gelu(x[i]) for `packs` packs of kCount elements, and grad_x[i] unless kForward.
template <bool kForward, class Scalar, int kCount>
__global__ void map_packs(const Pack<Scalar, kCount>* x, const Pack<Scalar, kCount>* grad_y, Pack<Scalar, kCount>* grad_x, Pack<Scalar, kCount>* y, int64_t packs) {
  using Wide = typename WideOf<Scalar>::Type;
  for (int64_t i = blockIdx.x * int64_t(blockDim.x) + threadIdx.x; i < packs; i += int64_t(gridDim.x) * blockDim.x) {
    const Pack<Scalar, kCount> in = x[i];
    Pack<Scalar, kCount> gradient, value;
    if constexpr (!kForward) gradient = grad_y[i];
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      const Wide wide = Wide(in.values[j]), scaled = Wide(1.702) * wide, share = sigmoid(scaled);
      value.values[j] = Scalar(wide * share);
      if constexpr (!kForward) gradient.values[j] = Scalar(Wide(gradient.values[j]) * (share + scaled * share * (Wide(1) - share)));
    }
    y[i] = value;
    if constexpr (!kForward) grad_x[i] = gradient;
  }
}

template <bool kForward, int kCount, class Scalar>
void launch_packs(const Scalar* x, const Scalar* grad_y, Scalar* grad_x, Scalar* y, int64_t packs, cudaStream_t stream) {
  if (packs == 0) return;
  const auto blocks = static_cast<unsigned>(std::min((packs + kThreads - 1) / kThreads, kMostBlocks));
  using P = Pack<Scalar, kCount>;
  map_packs<kForward, Scalar, kCount><<<blocks, kThreads, 0, stream>>>(reinterpret_cast<const P*>(x), reinterpret_cast<const P*>(grad_y), reinterpret_cast<P*>(grad_x),
                                                                       reinterpret_cast<P*>(y), packs);
}

/// Packs of 16 bytes where all of them begin so, then the elements that are left.
template <bool kForward, class Scalar> void map(const Scalar* x, const Scalar* grad_y, Scalar* grad_x, Scalar* y, int64_t count, cudaStream_t stream) {
  constexpr int kCount = kPackSize<Scalar>;
  const auto is_aligned = [](const void* data) { return reinterpret_cast<uintptr_t>(data) % 16 == 0; };
  const int64_t packs = is_aligned(x) && is_aligned(grad_y) && is_aligned(grad_x) && is_aligned(y) ? count / kCount : 0, done = packs * kCount;
  launch_packs<kForward, kCount>(x, grad_y, grad_x, y, packs, stream);
  launch_packs<kForward, 1>(x + done, grad_y + done, grad_x + done, y + done, count - done, stream);
}

}  // namespace

template <class Scalar> void launch_quick_gelu(const Scalar* x, Scalar* y, int64_t count, cudaStream_t stream) { map<true>(x, x, y, y, count, stream); }

template <class Scalar> void launch_quick_gelu_backward(const Scalar* x, const Scalar* grad_y, Scalar* grad_x, Scalar* y, int64_t count, cudaStream_t stream) {
  map<false>(x, grad_y, grad_x, y, count, stream);
}

#define LONGCLIP_QUICK_GELU_OF(Scalar)                                                     \
  template void launch_quick_gelu(const Scalar*, Scalar*, int64_t, cudaStream_t);          \
  template void launch_quick_gelu_backward(const Scalar*, const Scalar*, Scalar*, Scalar*, int64_t, cudaStream_t);
LONGCLIP_QUICK_GELU_OF(float)
LONGCLIP_QUICK_GELU_OF(double)
LONGCLIP_QUICK_GELU_OF(c10::Half)
LONGCLIP_QUICK_GELU_OF(c10::BFloat16)

}  // namespace longclip
