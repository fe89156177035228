#pragma once
// image/resample.h -- Pillow's antialiased bicubic resize, axis after axis, for the rows and columns of a crop.
// Source: Pillow 13, src/libImaging/Resample.c (filter a = -0.5; 8-bit samples use weights in 22-bit fixed point).

#include <cstdint>
#include <vector>

namespace longclip {

/// Bits behind the point of AxisWeights::fixed.
inline constexpr int kWeightBits = 22;

/// How the outputs of one axis are made: output i = sum over j < count[i] of weight(i, j) * input[first[i] + j].
struct AxisWeights {
  int64_t stride = 0;  ///< weights per output, a multiple of 4; those from count[i] on are zero
  std::vector<int32_t> first;
  std::vector<int32_t> count;
  std::vector<double> exact;   ///< (outputs, stride), each row sums to 1
  std::vector<int32_t> fixed;  ///< the same times 2^kWeightBits, rounded

  int64_t outputs() const { return static_cast<int64_t>(first.size()); }
  /// First and one past the last input that any output needs.
  int64_t first_input() const { return first.front(); }
  int64_t end_input() const { return int64_t{first.back()} + count.back(); }
};

/// Weights for outputs crop_start ... crop_start + crop_size - 1 of an axis resized from input_size to resized_size.
/// Sizes must fit an int (as in Pillow).
AxisWeights bicubic_weights(int64_t input_size, int64_t resized_size, int64_t crop_start, int64_t crop_size);

/// A part of a picture. Its rows and columns are numbered as in the picture.
struct PixelBlock {
  const uint8_t* data = nullptr;  ///< at first_row, first_column
  const uint8_t* end = nullptr;   ///< one past the last byte that may be read
  int64_t row_stride = 0;         ///< bytes
  int64_t first_row = 0;
  int64_t first_column = 0;
  int64_t rows = 0;
  int64_t columns = 0;
  int channels = 0;
};

/// The two passes, for one kind of samples and processor.
struct ResampleKernel {
  /// out: (block.rows, weights.outputs(), channels).
  void (*horizontal)(const PixelBlock& block, const AxisWeights& weights, uint8_t* out);
  /// out: (weights.outputs(), block.columns, channels).
  void (*vertical)(const PixelBlock& block, const AxisWeights& weights, uint8_t* out);
};

/// 8-bit samples, 1 to 4 channels: plain C++, for every processor.
extern const ResampleKernel kScalarKernel;
/// 8-bit samples with AVX2, the same bytes as kScalarKernel; null where this processor does not have it.
const ResampleKernel* avx2_kernel_or_null();
/// One channel in double precision: uint16_t (clipped to its range), int32_t and float, in the order of this machine.
extern const ResampleKernel kGrey16Kernel;
extern const ResampleKernel kInt32Kernel;
extern const ResampleKernel kFloat32Kernel;

/// A weighted sum of 8-bit samples back to 8 bits: rounded (the caller starts from kRoundHalf) and clipped.
inline constexpr int32_t kRoundHalf = 1 << (kWeightBits - 1);
inline uint8_t clip_to_byte(int32_t sum) {
  const int32_t value = sum >> kWeightBits;
  return static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

/// Pieces of the scalar kernel for the edges that the AVX2 one leaves: pixels from `begin` of one output row of the
/// horizontal pass of RGB, and samples from `begin` of output row `row` of the vertical pass.
void horizontal_rgb_row(const PixelBlock& block, const uint8_t* line, const AxisWeights& weights, int64_t begin,
                        uint8_t* out);
void vertical_row(const PixelBlock& block, const AxisWeights& weights, int64_t row, int64_t begin, uint8_t* out);

}  // namespace longclip
