// kernels/quick_gelu_loops.cpp -- loops that the compiler turns into vector code: no branch, no call, an exponential of its
// own. Exponential: Cephes' expf (Moshier), a polynomial of degree 5 after taking out the power of two.
#include "kernels/quick_gelu_loops.h"

#include <bit>

namespace longclip {
namespace {

#define LONGCLIP_INLINE [[gnu::always_inline]] inline

LONGCLIP_INLINE float load(float value) { return value; }
LONGCLIP_INLINE float load(BFloat16Bits value) { return std::bit_cast<float>(uint32_t{static_cast<uint16_t>(value)} << 16); }

template <class Scalar> LONGCLIP_INLINE Scalar stored(float value);
template <> LONGCLIP_INLINE float stored<float>(float value) { return value; }
template <> LONGCLIP_INLINE BFloat16Bits stored<BFloat16Bits>(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
  return static_cast<BFloat16Bits>((bits & 0x7FFFFFFF) > 0x7F800000 ? 0x7FC0U : rounded);
}

/// e^x for |x| <= 87.
LONGCLIP_INLINE float exponential(float x) {
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to a whole number, which its last bits then hold
  const float shifted = x * 1.44269504F + kRound;
  const float power = shifted - kRound;
  const float rest = (x - power * 0.693359375F) - power * -2.12194440e-4F;  // x - power * ln 2, in two steps
  float sum = 1.9875691500e-4F;
  sum = sum * rest + 1.3981999507e-3F;
  sum = sum * rest + 8.3334519073e-3F;
  sum = sum * rest + 4.1665795894e-2F;
  sum = sum * rest + 1.6666665459e-1F;
  sum = sum * rest + 5.0000001201e-1F;
  sum = sum * rest * rest + rest + 1.0F;
  const uint32_t exponent = std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(kRound) + 127;
  return sum * std::bit_cast<float>(exponent << 23);
}

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
#define LONGCLIP_AVX2 __attribute__((target("avx2,fma")))
template <class Scalar> LONGCLIP_AVX2 void forward_avx2(const Scalar* x, Scalar* y, int64_t count) { forward(x, y, count); }
template <class Scalar> LONGCLIP_AVX2 void backward_avx2(const Scalar* grad_y, const Scalar* x, Scalar* grad_x, Scalar* y, int64_t count) {
  backward(grad_y, x, grad_x, y, count);
}
#define LONGCLIP_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma,prefer-vector-width=512")))
template <class Scalar> LONGCLIP_AVX512 void forward_avx512(const Scalar* x, Scalar* y, int64_t count) { forward(x, y, count); }
template <class Scalar> LONGCLIP_AVX512 void backward_avx512(const Scalar* grad_y, const Scalar* x, Scalar* grad_x, Scalar* y, int64_t count) {
  backward(grad_y, x, grad_x, y, count);
}
template <class Scalar> QuickGeluLoops<Scalar> quickest() {
  const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (has_avx512) return {forward_avx512<Scalar>, backward_avx512<Scalar>};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {forward_avx2<Scalar>, backward_avx2<Scalar>};
  return {forward_plain<Scalar>, backward_plain<Scalar>};
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
