// kernels/softmax_loops.cpp -- see kernels/softmax_loops.h: sums in as many parts as a vector has places.
#include "kernels/softmax_loops.h"

#include <cmath>

namespace longclip {
namespace {

LONGCLIP_INLINE float exponential_or_zero(float x) {
  const float power = exponential(x < -87.0F ? -87.0F : x);
  return x < -87.0F ? 0.0F : power;
}

LONGCLIP_INLINE float softmax(float* __restrict scores, BFloat16Bits* __restrict weights, int64_t count) {
  float largest = scores[0], sum = 0;
#pragma omp simd reduction(max : largest)
  for (int64_t i = 0; i < count; ++i) largest = scores[i] > largest ? scores[i] : largest;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; ++i) {
    scores[i] = exponential_or_zero(scores[i] - largest);
    sum += scores[i];
  }
  const float share = 1.0F / sum;
  for (int64_t i = 0; i < count; ++i) weights[i] = stored<BFloat16Bits>(scores[i] * share);
  return largest + std::log(sum);
}

LONGCLIP_INLINE void exponentials(BFloat16Bits* values, int64_t count) {
  for (int64_t i = 0; i < count; ++i) values[i] = stored<BFloat16Bits>(exponential_or_zero(load(values[i])));
}

float softmax_plain(float* scores, BFloat16Bits* weights, int64_t count) { return softmax(scores, weights, count); }
void exponentials_plain(BFloat16Bits* values, int64_t count) { exponentials(values, count); }
#if defined(__x86_64__)
LONGCLIP_AVX2 float softmax_avx2(float* scores, BFloat16Bits* weights, int64_t count) { return softmax(scores, weights, count); }
LONGCLIP_AVX2 void exponentials_avx2(BFloat16Bits* values, int64_t count) { exponentials(values, count); }
LONGCLIP_AVX512 float softmax_avx512(float* scores, BFloat16Bits* weights, int64_t count) { return softmax(scores, weights, count); }
LONGCLIP_AVX512 void exponentials_avx512(BFloat16Bits* values, int64_t count) { exponentials(values, count); }
SoftmaxLoops quickest() {
  return {quickest_of(softmax_avx512, softmax_avx2, softmax_plain), quickest_of(exponentials_avx512, exponentials_avx2, exponentials_plain)};
}
#else
SoftmaxLoops quickest() { return {softmax_plain, exponentials_plain}; }
#endif

}  // namespace

const SoftmaxLoops& softmax_loops() {
  static const SoftmaxLoops loops = quickest();
  return loops;
}

}  // namespace longclip
