// kernels/layer_norm_cuda.cu -- a warp takes a row, keeps it in registers and reads it once; in the backward pass each warp also
// sums the gradients of weight and bias over its rows, and the blocks' sums are added up at the end.
#include "kernels/layer_norm_launch.h"

#include "kernels/cuda_packs.cuh"

namespace longclip {
namespace {

constexpr int kWarps = kRowsOfBlock, kLanes = 32;

__device__ float sum_of_warp(float value) {
#pragma unroll
  for (int offset = kLanes / 2; offset > 0; offset /= 2) value += __shfl_xor_sync(0xffffffff, value, offset);
  return value;
}

/// The columns of a lane: every 32nd pack of a row, kColumns numbers in all.
template <class Scalar, int kColumns> struct LaneColumns {
  static constexpr int kSize = kPackSize<Scalar>, kPacks = kColumns / kSize;
  int first, packs;  // of this lane; of a row

  __device__ explicit LaneColumns(int width) : first(threadIdx.x % kLanes), packs(width / kSize) {}

  __device__ void read(const Scalar* row, float (&values)[kColumns]) const {
#pragma unroll
    for (int i = 0; i < kPacks; ++i) {
      if (first + i * kLanes >= packs) continue;
      const auto pack = reinterpret_cast<const Pack<Scalar, kSize>*>(row)[first + i * kLanes];
#pragma unroll
      for (int j = 0; j < kSize; ++j) values[i * kSize + j] = static_cast<float>(pack.values[j]);
    }
  }
  __device__ void write(const float (&values)[kColumns], Scalar* row) const {
#pragma unroll
    for (int i = 0; i < kPacks; ++i) {
      if (first + i * kLanes >= packs) continue;
      Pack<Scalar, kSize> pack;
#pragma unroll
      for (int j = 0; j < kSize; ++j) pack.values[j] = static_cast<Scalar>(values[i * kSize + j]);
      reinterpret_cast<Pack<Scalar, kSize>*>(row)[first + i * kLanes] = pack;
    }
  }
  /// function(place among the values, column) for each column that exists.
  template <class Function> __device__ void for_each(Function function) const {
#pragma unroll
    for (int i = 0; i < kPacks; ++i) {
      if (first + i * kLanes >= packs) continue;
#pragma unroll
      for (int j = 0; j < kSize; ++j) function(i * kSize + j, (first + i * kLanes) * kSize + j);
    }
  }
};

template <class Scalar, int kColumns> __global__ void __launch_bounds__(kWarps * kLanes) forward_rows(LayerNormForward<Scalar> a) {
  const LaneColumns<Scalar, kColumns> columns(a.width);
  const int64_t row = int64_t(blockIdx.x) * kWarps + threadIdx.x / kLanes;
  if (row >= a.rows) return;
  float x[kColumns];
  columns.read(a.x + row * a.width, x);
  if (a.delta) {
    float delta[kColumns];
    columns.read(a.delta + row * a.width, delta);
    columns.for_each([&](int i, int) { x[i] = static_cast<float>(static_cast<Scalar>(x[i] + delta[i])); });  // as it is stored
    columns.write(x, a.sum + row * a.width);
  }
  float total = 0, squares = 0;
  columns.for_each([&](int i, int) { total += x[i]; });
  const float mean = sum_of_warp(total) / static_cast<float>(a.width);
  columns.for_each([&](int i, int) { squares += (x[i] - mean) * (x[i] - mean); });
  const float rstd = rsqrtf(sum_of_warp(squares) / static_cast<float>(a.width) + a.eps);
  columns.for_each([&](int i, int column) { x[i] = (x[i] - mean) * rstd * a.weight[column] + a.bias[column]; });
  columns.write(x, a.normed + row * a.width);
  if (threadIdx.x % kLanes == 0) {
    a.mean[row] = mean;
    a.rstd[row] = rstd;
  }
}

/// Adds the warps' values up, one warp after the other, and writes them: the order never changes.
template <class Columns, int kColumns> __device__ void write_block_sum(const Columns& columns, const float (&values)[kColumns], float* to, int width) {
  extern __shared__ float total[];
  for (int warp = 0; warp < kWarps; ++warp) {
    if (threadIdx.x / kLanes == warp) columns.for_each([&](int i, int column) { total[column] = warp == 0 ? values[i] : total[column] + values[i]; });
    __syncthreads();
  }
  for (int column = threadIdx.x; column < width; column += kWarps * kLanes) to[column] = total[column];
  __syncthreads();
}

template <class Scalar, int kColumns> __global__ void __launch_bounds__(kWarps * kLanes) backward_rows(LayerNormBackward<Scalar> a) {
  const LaneColumns<Scalar, kColumns> columns(a.width);
  float of_weight[kColumns] = {}, of_bias[kColumns] = {}, weight[kColumns];
  columns.for_each([&](int i, int column) { weight[i] = a.weight[column]; });
  for (int64_t row = int64_t(blockIdx.x) * kWarps + threadIdx.x / kLanes; row < a.rows; row += int64_t(gridDim.x) * kWarps) {
    float grad[kColumns], x[kColumns];
    columns.read(a.grad_normed + row * a.width, grad);
    columns.read(a.sum + row * a.width, x);
    const float mean = a.mean[row], rstd = a.rstd[row];
    float total = 0, product = 0;
    columns.for_each([&](int i, int) {
      x[i] = (x[i] - mean) * rstd;
      of_weight[i] += grad[i] * x[i];
      of_bias[i] += grad[i];
      grad[i] *= weight[i];
      total += grad[i];
      product += grad[i] * x[i];
    });
    total = sum_of_warp(total) / static_cast<float>(a.width);
    product = sum_of_warp(product) / static_cast<float>(a.width);
    columns.for_each([&](int i, int) { grad[i] = rstd * (grad[i] - total - x[i] * product); });
    if (a.grad_sum) {
      columns.read(a.grad_sum + row * a.width, x);
      columns.for_each([&](int i, int) { grad[i] += x[i]; });
    }
    columns.write(grad, a.grad + row * a.width);
  }
  float* to = a.sums + int64_t(blockIdx.x) * 2 * a.width;
  write_block_sum(columns, of_weight, to, a.width);
  write_block_sum(columns, of_bias, to + a.width, a.width);
}

/// With the fewest registers that hold a lane's columns.
template <class Function> void for_columns(int width, Function function) {
  switch ((width + 8 * kLanes - 1) / (8 * kLanes)) {
    case 1: return function(std::integral_constant<int, 8>());
    case 2: return function(std::integral_constant<int, 16>());
    case 3: return function(std::integral_constant<int, 24>());
    case 4: return function(std::integral_constant<int, 32>());
    default: return function(std::integral_constant<int, 40>());
  }
}

}  // namespace

template <class Scalar> void launch(const LayerNormForward<Scalar>& a, cudaStream_t stream) {
  const auto blocks = static_cast<unsigned>((a.rows + kWarps - 1) / kWarps);
  for_columns(a.width, [&](auto columns) { forward_rows<Scalar, columns.value><<<blocks, kWarps * kLanes, 0, stream>>>(a); });
}

template <class Scalar> void launch(const LayerNormBackward<Scalar>& a, int64_t blocks, cudaStream_t stream) {
  const size_t shared_bytes = static_cast<size_t>(a.width) * sizeof(float);
  for_columns(a.width, [&](auto columns) { backward_rows<Scalar, columns.value><<<static_cast<unsigned>(blocks), kWarps * kLanes, shared_bytes, stream>>>(a); });
}

#define LONGCLIP_LAYER_NORM_OF(Scalar)                                 \
  template void launch(const LayerNormForward<Scalar>&, cudaStream_t); \
  template void launch(const LayerNormBackward<Scalar>&, int64_t, cudaStream_t);
LONGCLIP_LAYER_NORM_OF(float)
LONGCLIP_LAYER_NORM_OF(c10::Half)
LONGCLIP_LAYER_NORM_OF(c10::BFloat16)

}  // namespace longclip
