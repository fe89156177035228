// image/resample.cpp -- weights of the bicubic filter and the passes in plain C++.
// Every operation and its order follow Pillow's Resample.c, because the bytes depend on them.

#include "image/resample.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace longclip {
namespace {

double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

int32_t to_fixed(double weight) {
  constexpr double one = 1 << kWeightBits;
  return static_cast<int32_t>(weight < 0 ? weight * one - 0.5 : weight * one + 0.5);
}

/// Pixels from `begin` of one output row.
template <int kChannels>
void horizontal_row(const PixelBlock& block, const uint8_t* line, const AxisWeights& weights, int64_t begin,
                    uint8_t* out) {
  for (int64_t x = begin; x < weights.outputs(); ++x) {
    const uint8_t* pixel = line + (weights.first[static_cast<size_t>(x)] - block.first_column) * kChannels;
    const int32_t* weight = weights.fixed.data() + x * weights.stride;
    std::array<int32_t, kChannels> sum;
    sum.fill(kRoundHalf);
    for (int32_t j = 0; j < weights.count[static_cast<size_t>(x)]; ++j) {
      for (size_t c = 0; c < kChannels; ++c) sum[c] += pixel[c] * weight[j];
      pixel += kChannels;
    }
    for (size_t c = 0; c < kChannels; ++c) out[x * kChannels + static_cast<int64_t>(c)] = clip_to_byte(sum[c]);
  }
}

template <int kChannels> void horizontal_rows(const PixelBlock& block, const AxisWeights& weights, uint8_t* out) {
  for (int64_t y = 0; y < block.rows; ++y) {
    const uint8_t* line = block.data + y * block.row_stride;
    horizontal_row<kChannels>(block, line, weights, 0, out + y * weights.outputs() * kChannels);
  }
}

void horizontal(const PixelBlock& block, const AxisWeights& weights, uint8_t* out) {
  switch (block.channels) {
    case 1: return horizontal_rows<1>(block, weights, out);
    case 2: return horizontal_rows<2>(block, weights, out);
    case 3: return horizontal_rows<3>(block, weights, out);
    default: return horizontal_rows<4>(block, weights, out);
  }
}

void vertical(const PixelBlock& block, const AxisWeights& weights, uint8_t* out) {
  const int64_t samples = block.columns * block.channels;
  for (int64_t y = 0; y < weights.outputs(); ++y) vertical_row(block, weights, y, 0, out + y * samples);
}

template <class Sample> Sample rounded(double sum);
template <> uint16_t rounded(double sum) {
  const int32_t value = static_cast<int32_t>(sum >= 0.0 ? sum + 0.5F : sum - 0.5F);
  return static_cast<uint16_t>(std::clamp(value, 0, 65535));
}
template <> int32_t rounded(double sum) {
  const double value = sum >= 0.0 ? std::floor(sum + 0.5) : -std::floor(std::fabs(sum) + 0.5);
  // Outside of the range Pillow's cast gives what the processor gives.
  return std::fabs(value) <= INT32_MAX ? static_cast<int32_t>(value) : INT32_MIN;
}
template <> float rounded(double sum) { return static_cast<float>(sum); }

/// One output of a pass over samples that lie `step` bytes apart.
template <class Sample>
void sum_exact(const uint8_t* sample, int64_t step, const double* weight, int32_t count, uint8_t* out) {
  double sum = 0.0;
  for (int32_t j = 0; j < count; ++j) {
    Sample value;
    std::memcpy(&value, sample + j * step, sizeof(value));
    sum += value * weight[j];
  }
  const Sample result = rounded<Sample>(sum);
  std::memcpy(out, &result, sizeof(result));
}

template <class Sample>
void horizontal_exact(const PixelBlock& block, const AxisWeights& weights, uint8_t* out) {
  constexpr int64_t kBytes = sizeof(Sample);
  for (int64_t y = 0; y < block.rows; ++y) {
    const uint8_t* line = block.data + y * block.row_stride;
    for (size_t x = 0; x < weights.first.size(); ++x, out += kBytes) {
      const double* weight = weights.exact.data() + static_cast<int64_t>(x) * weights.stride;
      const uint8_t* sample = line + (weights.first[x] - block.first_column) * kBytes;
      sum_exact<Sample>(sample, kBytes, weight, weights.count[x], out);
    }
  }
}

template <class Sample> void vertical_exact(const PixelBlock& block, const AxisWeights& weights, uint8_t* out) {
  constexpr int64_t kBytes = sizeof(Sample);
  for (size_t y = 0; y < weights.first.size(); ++y) {
    const uint8_t* line = block.data + (weights.first[y] - block.first_row) * block.row_stride;
    const double* weight = weights.exact.data() + static_cast<int64_t>(y) * weights.stride;
    for (int64_t x = 0; x < block.columns; ++x, out += kBytes) {
      sum_exact<Sample>(line + x * kBytes, block.row_stride, weight, weights.count[y], out);
    }
  }
}

}  // namespace

const ResampleKernel kScalarKernel = {horizontal, vertical};
const ResampleKernel kGrey16Kernel = {horizontal_exact<uint16_t>, vertical_exact<uint16_t>};
const ResampleKernel kInt32Kernel = {horizontal_exact<int32_t>, vertical_exact<int32_t>};
const ResampleKernel kFloat32Kernel = {horizontal_exact<float>, vertical_exact<float>};

AxisWeights bicubic_weights(int64_t input_size, int64_t resized_size, int64_t crop_start, int64_t crop_size) {
  const double scale = static_cast<double>(input_size) / static_cast<double>(resized_size);
  const double filter_scale = std::max(scale, 1.0);
  const double support = 2.0 * filter_scale;
  const double inverse = 1.0 / filter_scale;
  AxisWeights weights;
  weights.stride = (static_cast<int64_t>(std::ceil(support)) * 2 + 1 + 3) & ~int64_t{3};
  weights.exact.assign(static_cast<size_t>(crop_size * weights.stride), 0.0);
  for (int64_t i = 0; i < crop_size; ++i) {
    const double center = (static_cast<double>(crop_start + i) + 0.5) * scale;
    const int64_t first = std::max<int64_t>(static_cast<int64_t>(center - support + 0.5), 0);
    const int64_t count = std::min(static_cast<int64_t>(center + support + 0.5), input_size) - first;
    double* weight = weights.exact.data() + i * weights.stride;
    double total = 0.0;
    for (int64_t j = 0; j < count; ++j) {
      weight[j] = bicubic((static_cast<double>(j + first) - center + 0.5) * inverse);
      total += weight[j];
    }
    for (int64_t j = 0; j < count; ++j) weight[j] /= total;
    weights.first.push_back(static_cast<int32_t>(first));
    weights.count.push_back(static_cast<int32_t>(count));
  }
  weights.fixed.resize(weights.exact.size());
  std::ranges::transform(weights.exact, weights.fixed.begin(), to_fixed);
  return weights;
}

void horizontal_rgb_row(const PixelBlock& block, const uint8_t* line, const AxisWeights& weights, int64_t begin,
                        uint8_t* out) {
  horizontal_row<3>(block, line, weights, begin, out);
}

void vertical_row(const PixelBlock& block, const AxisWeights& weights, int64_t row, int64_t begin, uint8_t* out) {
  constexpr int64_t kBlockSamples = 64;  // sums that stay in registers
  const int64_t samples = block.columns * block.channels;
  const uint8_t* top = block.data + (weights.first[static_cast<size_t>(row)] - block.first_row) * block.row_stride;
  const int32_t* weight = weights.fixed.data() + row * weights.stride;
  for (int64_t start = begin; start < samples; start += kBlockSamples) {
    const int64_t size = std::min(kBlockSamples, samples - start);
    std::array<int32_t, kBlockSamples> sum;
    sum.fill(kRoundHalf);
    for (int32_t j = 0; j < weights.count[static_cast<size_t>(row)]; ++j) {
      const uint8_t* line = top + j * block.row_stride + start;
      for (int64_t i = 0; i < size; ++i) sum[static_cast<size_t>(i)] += line[i] * weight[j];
    }
    for (int64_t i = 0; i < size; ++i) out[start + i] = clip_to_byte(sum[static_cast<size_t>(i)]);
  }
}

}  // namespace longclip
