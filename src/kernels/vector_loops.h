#pragma once
// kernels/vector_loops.h -- what loops need that the compiler shall turn into vector code: bfloat16 as bits, an exponential
// without a call, and the choice of the copy of a loop that suits the processor. For .cpp files of such loops. Torch-free.

#include <bit>
#include <cstdint>

#define LONGCLIP_INLINE [[gnu::always_inline]] inline
#if defined(__x86_64__)
#define LONGCLIP_AVX2 __attribute__((target("avx2,fma")))
#define LONGCLIP_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma,prefer-vector-width=512")))
#endif

namespace longclip {

/// The upper half of a float, as torch stores it. NaN stays NaN, other values round to nearest even.
enum class BFloat16Bits : uint16_t {};

LONGCLIP_INLINE float load(float value) { return value; }
LONGCLIP_INLINE float load(BFloat16Bits value) { return std::bit_cast<float>(uint32_t{static_cast<uint16_t>(value)} << 16); }

template <class Scalar> LONGCLIP_INLINE Scalar stored(float value);
template <> LONGCLIP_INLINE float stored<float>(float value) { return value; }
template <> LONGCLIP_INLINE BFloat16Bits stored<BFloat16Bits>(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
  return static_cast<BFloat16Bits>((bits & 0x7FFFFFFF) > 0x7F800000 ? 0x7FC0U : rounded);
}

/// e^x for |x| <= 87, relative error below 2e-7; NaN for NaN. Cephes' expf (Moshier): a polynomial of degree 5 after taking
/// out the power of two.
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

/// The first of three copies of a loop that this processor can run.
template <class Loop> Loop quickest_of([[maybe_unused]] Loop avx512, [[maybe_unused]] Loop avx2, Loop plain) {
#if defined(__x86_64__)
  const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (has_avx512) return avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2;
#endif
  return plain;
}

}  // namespace longclip
