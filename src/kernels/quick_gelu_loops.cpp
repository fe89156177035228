// kernels/quick_gelu_loops.cpp -- see kernels/quick_gelu_loops.h: no branch, no call, so that they become vector code.
#include "kernels/quick_gelu_loops.h"

namespace longclip {
namespace {

constexpr float kSlope = 1.702F;  // OpenAI CLIP, clip/model.py QuickGELU

LONGCLIP_INLINE float sigmoid(float x) {
  const float above = x < -87.0F ? -87.0F : x;
  return 1.0F / (1.0F + exponential(above > 87.0F ? -87.0F : -above));
}

template <class Scalar> LONGCLIP_INLINE void forward(const Scalar* __restrict x, Scalar* __restrict y, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const float value = load(x[i]);
    y[i] = stored<Scalar>(value * sigmoid(kSlope * value));
  }
}

template <class Scalar> LONGCLIP_INLINE void backward(const Scalar* __restrict grad_y, const Scalar* __restrict x, Scalar* __restrict grad_x, Scalar* __restrict y, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const float value = load(x[i]);
    const float share = sigmoid(kSlope * value);
    y[i] = stored<Scalar>(value * share);
    grad_x[i] = stored<Scalar>(load(grad_y[i]) * (share + kSlope * value * share * (1.0F - share)));
  }
}

template <class Scalar> void forward_plain(const Scalar* x, Scalar* y, int64_t count) { forward(x, y, count); }
template <class Scalar> void backward_plain(const Scalar* grad_y, const Scalar* x, Scalar* grad_x, Scalar* y, int64_t count) {
  backward(grad_y, x, grad_x, y, count);
}
#if defined(__x86_64__)
template <class Scalar> LONGCLIP_AVX2 void forward_avx2(const Scalar* x, Scalar* y, int64_t count) { forward(x, y, count); }
template <class Scalar> LONGCLIP_AVX2 void backward_avx2(const Scalar* grad_y, const Scalar* x, Scalar* grad_x, Scalar* y, int64_t count) {
  backward(grad_y, x, grad_x, y, count);
}
template <class Scalar> LONGCLIP_AVX512 void forward_avx512(const Scalar* x, Scalar* y, int64_t count) { forward(x, y, count); }
template <class Scalar> LONGCLIP_AVX512 void backward_avx512(const Scalar* grad_y, const Scalar* x, Scalar* grad_x, Scalar* y, int64_t count) {
  backward(grad_y, x, grad_x, y, count);
}
template <class Scalar> QuickGeluLoops<Scalar> quickest() {
  return {quickest_of(forward_avx512<Scalar>, forward_avx2<Scalar>, forward_plain<Scalar>), quickest_of(backward_avx512<Scalar>, backward_avx2<Scalar>, backward_plain<Scalar>)};
}
#else
template <class Scalar> QuickGeluLoops<Scalar> quickest() { return {forward_plain<Scalar>, backward_plain<Scalar>}; }
#endif

}  // namespace

template <class Scalar> const QuickGeluLoops<Scalar>& quick_gelu_loops() {
  static const QuickGeluLoops<Scalar> loops = quickest<Scalar>();
  return loops;
}
template const QuickGeluLoops<float>& quick_gelu_loops();
template const QuickGeluLoops<BFloat16Bits>& quick_gelu_loops();

}  // namespace longclip
