// image/resample_avx2.cpp -- the passes over 8-bit samples with AVX2: RGB horizontally, any channels vertically.
// A 22-bit weight is split as w = high * 2^12 + low, so that two 16-bit multiply-adds give the exact 32-bit sum.

#include "image/resample.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cstring>

#define LONGCLIP_AVX2 __attribute__((target("avx2")))

namespace longclip {
namespace {

constexpr int kLowBits = 12;
constexpr int32_t kLowMask = (1 << kLowBits) - 1;

/// Two neighbouring weights in 32 bits, as a 16-bit multiply-add takes them: their high and their low parts.
struct WeightPair {
  int32_t high;
  int32_t low;
};

/// Weights 2p and 2p + 1 of every output, (outputs, stride / 2).
std::vector<WeightPair> pairs_of(const AxisWeights& weights) {
  const auto both = [](int32_t first, int32_t second) {
    return static_cast<int32_t>((static_cast<uint32_t>(first) & 0xFFFF) | static_cast<uint32_t>(second) << 16);
  };
  std::vector<WeightPair> pairs(weights.fixed.size() / 2);
  for (size_t p = 0; p < pairs.size(); ++p) {
    const int32_t first = weights.fixed[2 * p];
    const int32_t second = weights.fixed[2 * p + 1];
    pairs[p] = {both(first >> kLowBits, second >> kLowBits), both(first & kLowMask, second & kLowMask)};
  }
  return pairs;
}

LONGCLIP_AVX2 inline __m128i load16_bytes(const uint8_t* bytes) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
}

/// The sums of two samples each times their weights, in two parts.
struct SplitSum {
  __m256i high;
  __m256i low;
};
LONGCLIP_AVX2 inline SplitSum add_products(const SplitSum& sum, __m256i samples, const WeightPair& pair) {
  return {_mm256_add_epi32(sum.high, _mm256_madd_epi16(samples, _mm256_set1_epi32(pair.high))),
          _mm256_add_epi32(sum.low, _mm256_madd_epi16(samples, _mm256_set1_epi32(pair.low)))};
}
LONGCLIP_AVX2 inline SplitSum no_products() { return {_mm256_setzero_si256(), _mm256_set1_epi32(kRoundHalf)}; }
/// Rounded, not yet clipped.
LONGCLIP_AVX2 inline __m256i total(const SplitSum& sum) {
  return _mm256_srai_epi32(_mm256_add_epi32(_mm256_slli_epi32(sum.high, kLowBits), sum.low), kWeightBits);
}

/// One RGB pixel of two rows, a row in each half of the register, from `groups` groups of 4 input pixels.
LONGCLIP_AVX2 inline __m256i sum_rgb(const uint8_t* upper, const uint8_t* lower, const WeightPair* pair, int64_t groups) {
  // r0 r1 g0 g1 b0 b1 - -, widened to 16 bits; then the same of pixels 2 and 3.
  const __m256i first = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1));
  const __m256i second = _mm256_broadcastsi128_si256(_mm_setr_epi8(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1));
  SplitSum sum = no_products();
  for (int64_t g = 0; g < groups; ++g, pair += 2, upper += 12, lower += 12) {
    const __m256i pixels = _mm256_inserti128_si256(_mm256_castsi128_si256(load16_bytes(upper)), load16_bytes(lower), 1);
    sum = add_products(sum, _mm256_shuffle_epi8(pixels, first), pair[0]);
    sum = add_products(sum, _mm256_shuffle_epi8(pixels, second), pair[1]);
  }
  return total(sum);
}

/// Writes a fourth byte too, since one store is quicker; the next pixel of the row corrects it.
inline void store_rgb(uint8_t* out, int32_t pixel) { std::memcpy(out, &pixel, 4); }

constexpr size_t kRows = 4;  // of the horizontal pass at once

/// Pixels of kRows rows but the last of each, until an input row would be read beyond `end`. Returns how many.
LONGCLIP_AVX2 int64_t horizontal_rows(const std::array<const uint8_t*, kRows>& lines, const uint8_t* end, const AxisWeights& weights,
                                      const WeightPair* pairs, const std::array<uint8_t*, kRows>& out) {
  int64_t x = 0;
  for (; x + 1 < weights.outputs(); ++x, pairs += weights.stride / 2) {
    const int64_t start = weights.first[static_cast<size_t>(x)] * int64_t{3};
    const int64_t groups = (weights.count[static_cast<size_t>(x)] + 3) / 4;
    if (end - (lines.back() + start) < 12 * groups + 4) break;  // the last outputs of the last rows
    const __m256i rows01 = sum_rgb(lines[0] + start, lines[1] + start, pairs, groups);
    const __m256i rows23 = sum_rgb(lines[2] + start, lines[3] + start, pairs, groups);
    const __m256i words = _mm256_packs_epi32(rows01, rows23);
    const __m256i bytes = _mm256_packus_epi16(words, words);
    const __m128i rows02 = _mm256_castsi256_si128(bytes);
    const __m128i rows13 = _mm256_extracti128_si256(bytes, 1);
    store_rgb(out[0] + 3 * x, _mm_cvtsi128_si32(rows02));
    store_rgb(out[1] + 3 * x, _mm_cvtsi128_si32(rows13));
    store_rgb(out[2] + 3 * x, _mm_extract_epi32(rows02, 1));
    store_rgb(out[3] + 3 * x, _mm_extract_epi32(rows13, 1));
  }
  return x;
}

LONGCLIP_AVX2 void horizontal_avx2(const PixelBlock& block, const AxisWeights& weights, uint8_t* out) {
  if (block.channels != 3) return kScalarKernel.horizontal(block, weights, out);
  const std::vector<WeightPair> pairs = pairs_of(weights);
  for (int64_t y = 0; y < block.rows; y += kRows) {
    std::array<const uint8_t*, kRows> lines;
    std::array<uint8_t*, kRows> out_lines;
    for (size_t i = 0; i < kRows; ++i) {  // behind the last row: that row again
      const int64_t row = std::min(y + static_cast<int64_t>(i), block.rows - 1);
      lines[i] = block.data + row * block.row_stride - block.first_column * 3;
      out_lines[i] = out + row * weights.outputs() * 3;
    }
    const int64_t done = horizontal_rows(lines, block.end, weights, pairs.data(), out_lines);
    for (size_t i = 0; i < kRows; ++i) horizontal_rgb_row(block, lines[i] + block.first_column * 3, weights, done, out_lines[i]);
  }
}

/// 16 samples of one output row. The weight behind the last exists and is zero.
LONGCLIP_AVX2 inline __m128i sum_rows(const uint8_t* line, int64_t row_stride, const WeightPair* pair, int32_t count) {
  SplitSum sum0 = no_products();
  SplitSum sum1 = no_products();
  for (int32_t j = 0; j < count; j += 2, ++pair, line += 2 * row_stride) {
    const __m128i a = load16_bytes(line);
    const __m128i b = load16_bytes(j + 1 < count ? line + row_stride : line);
    sum0 = add_products(sum0, _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(a, b)), *pair);
    sum1 = add_products(sum1, _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(a, b)), *pair);
  }
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(total(sum0), total(sum1)), 0b11011000);
  return _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}

LONGCLIP_AVX2 void vertical_avx2(const PixelBlock& block, const AxisWeights& weights, uint8_t* out) {
  const int64_t samples = block.columns * block.channels;
  const std::vector<WeightPair> pairs = pairs_of(weights);
  for (int64_t y = 0; y < weights.outputs(); ++y, out += samples) {
    const auto row = static_cast<size_t>(y);
    const uint8_t* top = block.data + (weights.first[row] - block.first_row) * block.row_stride;
    const WeightPair* pair = pairs.data() + y * weights.stride / 2;
    int64_t start = 0;
    for (; start + 16 <= samples; start += 16) {
      const __m128i bytes = sum_rows(top + start, block.row_stride, pair, weights.count[row]);
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
