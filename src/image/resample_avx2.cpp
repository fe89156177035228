// image/resample_avx2.cpp -- the passes over 8-bit samples with AVX2: RGB horizontally, any channels vertically.
// A 22-bit weight is split as w = high * 2^12 + low, so that two 16-bit multiply-adds give the exact 32-bit sum.

#include "image/resample.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>

#define LONGCLIP_AVX2 __attribute__((target("avx2")))

namespace longclip {
namespace {

constexpr int kLowBits = 12;
constexpr int32_t kLowMask = (1 << kLowBits) - 1;

/// Weights of the horizontal pass, repeated for the three channels in the order of kSpread: 16 numbers for 4 pixels.
struct SplitWeights {
  std::vector<int16_t> high;
  std::vector<int16_t> low;
};

SplitWeights split_for_rgb(const AxisWeights& weights) {
  SplitWeights split;
  split.high.resize(weights.fixed.size() * 4);
  split.low.resize(weights.fixed.size() * 4);
  for (size_t i = 0; i < weights.fixed.size(); ++i) {
    // Pixels 0, 1 of a group of four are in the lower half of a register, 2, 3 in the upper, two numbers a channel.
    const size_t start = i / 4 * 16 + (i % 4) / 2 * 8 + i % 2;
    for (size_t channel = 0; channel < 3; ++channel) {
      split.high[start + 2 * channel] = static_cast<int16_t>(weights.fixed[i] >> kLowBits);
      split.low[start + 2 * channel] = static_cast<int16_t>(weights.fixed[i] & kLowMask);
    }
  }
  return split;
}

LONGCLIP_AVX2 inline __m256i load(const int16_t* numbers) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(numbers));
}
LONGCLIP_AVX2 inline __m128i load16_bytes(const uint8_t* bytes) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
}

/// One RGB pixel from `groups` groups of 4 input pixels. Reads 12 * groups + 4 bytes.
LONGCLIP_AVX2 inline uint32_t sum_rgb(const uint8_t* pixel, const int16_t* high, const int16_t* low, int64_t groups) {
  // r0 r1 g0 g1 b0 b1 - - | r2 r3 g2 g3 b2 b3 - -, widened to 16 bits.
  const __m256i spread = _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1,  //
                                          6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
  __m256i high_sum = _mm256_setzero_si256();
  __m256i low_sum = high_sum;
  for (int64_t g = 0; g < groups; ++g) {
    const __m256i pixels = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(load16_bytes(pixel + 12 * g)), spread);
    high_sum = _mm256_add_epi32(high_sum, _mm256_madd_epi16(pixels, load(high + 16 * g)));
    low_sum = _mm256_add_epi32(low_sum, _mm256_madd_epi16(pixels, load(low + 16 * g)));
  }
  const __m256i sum = _mm256_add_epi32(_mm256_slli_epi32(high_sum, kLowBits), low_sum);
  __m128i result = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
  result = _mm_srai_epi32(_mm_add_epi32(result, _mm_set1_epi32(kRoundHalf)), kWeightBits);
  result = _mm_packs_epi32(result, result);
  return static_cast<uint32_t>(_mm_cvtsi128_si32(_mm_packus_epi16(result, result)));
}

LONGCLIP_AVX2 void horizontal_avx2(const PixelBlock& block, const AxisWeights& weights, uint8_t* out) {
  if (block.channels != 3) return kScalarKernel.horizontal(block, weights, out);
  const SplitWeights split = split_for_rgb(weights);
  for (int64_t y = 0; y < block.rows; ++y) {
    const uint8_t* line = block.data + y * block.row_stride;
    uint8_t* out_line = out + y * weights.outputs() * 3;
    int64_t x = 0;
    for (; x < weights.outputs(); ++x) {
      const uint8_t* pixel = line + (weights.first[static_cast<size_t>(x)] - block.first_column) * 3;
      const int64_t groups = (weights.count[static_cast<size_t>(x)] + 3) / 4;
      if (block.end - pixel < 12 * groups + 4) break;  // the last outputs of the last rows
      const int64_t at = x * weights.stride * 4;
      const uint32_t rgb = sum_rgb(pixel, split.high.data() + at, split.low.data() + at, groups);
      std::memcpy(out_line + 3 * x, &rgb, 3);
    }
    horizontal_rgb_row(block, line, weights, x, out_line);
  }
}

/// Two weights, one after the other in every 32 bits.
LONGCLIP_AVX2 inline __m256i pair(int32_t first, int32_t second) {
  const uint32_t both = (static_cast<uint32_t>(first) & 0xFFFF) | static_cast<uint32_t>(second) << 16;
  return _mm256_set1_epi32(static_cast<int32_t>(both));
}

/// 16 samples of one output row. Weights are taken in pairs: the one behind the last exists and is zero.
LONGCLIP_AVX2 inline __m128i sum_rows(const uint8_t* top, int64_t row_stride, const int32_t* weight, int32_t count) {
  __m256i high0 = _mm256_setzero_si256();
  __m256i high1 = high0;
  __m256i low0 = high0;
  __m256i low1 = high0;
  for (int32_t j = 0; j < count; j += 2) {
    const uint8_t* line = top + j * row_stride;
    const __m256i a = _mm256_cvtepu8_epi16(load16_bytes(line));
    const __m256i b = j + 1 < count ? _mm256_cvtepu8_epi16(load16_bytes(line + row_stride)) : _mm256_setzero_si256();
    const __m256i ab0 = _mm256_unpacklo_epi16(a, b);
    const __m256i ab1 = _mm256_unpackhi_epi16(a, b);
    const __m256i high = pair(weight[j] >> kLowBits, weight[j + 1] >> kLowBits);
    const __m256i low = pair(weight[j] & kLowMask, weight[j + 1] & kLowMask);
    high0 = _mm256_add_epi32(high0, _mm256_madd_epi16(ab0, high));
    high1 = _mm256_add_epi32(high1, _mm256_madd_epi16(ab1, high));
    low0 = _mm256_add_epi32(low0, _mm256_madd_epi16(ab0, low));
    low1 = _mm256_add_epi32(low1, _mm256_madd_epi16(ab1, low));
  }
  const __m256i half = _mm256_set1_epi32(kRoundHalf);
  const __m256i sum0 = _mm256_add_epi32(_mm256_add_epi32(_mm256_slli_epi32(high0, kLowBits), low0), half);
  const __m256i sum1 = _mm256_add_epi32(_mm256_add_epi32(_mm256_slli_epi32(high1, kLowBits), low1), half);
  const __m256i packed = _mm256_packs_epi32(_mm256_srai_epi32(sum0, kWeightBits), _mm256_srai_epi32(sum1, kWeightBits));
  return _mm_packus_epi16(_mm256_castsi256_si128(packed), _mm256_extracti128_si256(packed, 1));
}

LONGCLIP_AVX2 void vertical_avx2(const PixelBlock& block, const AxisWeights& weights, uint8_t* out) {
  const int64_t samples = block.columns * block.channels;
  for (int64_t y = 0; y < weights.outputs(); ++y, out += samples) {
    const auto row = static_cast<size_t>(y);
    const uint8_t* top = block.data + (weights.first[row] - block.first_row) * block.row_stride;
    const int32_t* weight = weights.fixed.data() + y * weights.stride;
    int64_t start = 0;
    for (; start + 16 <= samples; start += 16) {
      const __m128i bytes = sum_rows(top + start, block.row_stride, weight, weights.count[row]);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out + start), bytes);
    }
    vertical_row(block, weights, y, start, out);
  }
}

constexpr ResampleKernel kAvx2Kernel = {horizontal_avx2, vertical_avx2};

}  // namespace

const ResampleKernel* avx2_kernel_or_null() { return __builtin_cpu_supports("avx2") ? &kAvx2Kernel : nullptr; }

}  // namespace longclip

#else

namespace longclip {

const ResampleKernel* avx2_kernel_or_null() { return nullptr; }

}  // namespace longclip

#endif
