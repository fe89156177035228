// kernels/column_sums_cuda.cu -- a block takes 32 packs of columns and every few rows.
#include "kernels/column_sums_launch.h"

#include "kernels/cuda_packs.cuh"

namespace longclip {
namespace {

constexpr int kLanes = kPacksOfBlock, kRows = kRowsAtOnce;  // threads of a block

template <class Scalar> __global__ void sum_columns(const Scalar* x, float* sums, int64_t rows, int64_t columns) {
  constexpr int kSize = kPackSize<Scalar>;
  __shared__ float of_rows[kRows][kLanes * kSize];
  const int64_t first = (int64_t(blockIdx.x) * kLanes + threadIdx.x) * kSize;
  float total[kSize] = {};
  if (first < columns) {
#pragma unroll 4
    for (int64_t row = int64_t(blockIdx.y) * kRows + threadIdx.y; row < rows; row += int64_t(gridDim.y) * kRows) {
      const auto pack = *reinterpret_cast<const Pack<Scalar, kSize>*>(x + row * columns + first);
#pragma unroll
      for (int j = 0; j < kSize; ++j) total[j] += static_cast<float>(pack.values[j]);
    }
  }
#pragma unroll
  for (int j = 0; j < kSize; ++j) of_rows[threadIdx.y][threadIdx.x * kSize + j] = total[j];
  __syncthreads();
  for (int i = threadIdx.y * kLanes + threadIdx.x; i < kLanes * kSize; i += kRows * kLanes) {
    const int64_t column = int64_t(blockIdx.x) * kLanes * kSize + i;
    if (column >= columns) continue;
    float sum = 0;
    for (int row = 0; row < kRows; ++row) sum += of_rows[row][i];
    sums[int64_t(blockIdx.y) * columns + column] = sum;
  }
}

}  // namespace

template <class Scalar> void launch(const ColumnSums<Scalar>& a, int64_t parts, cudaStream_t stream) {
  const int64_t tile = kLanes * kPackSize<Scalar>;
  const dim3 blocks(static_cast<unsigned>((a.columns + tile - 1) / tile), static_cast<unsigned>(parts)), threads(kLanes, kRows);
  sum_columns<Scalar><<<blocks, threads, 0, stream>>>(a.x, a.sums, a.rows, a.columns);
}

template void launch(const ColumnSums<float>&, int64_t, cudaStream_t);
template void launch(const ColumnSums<c10::Half>&, int64_t, cudaStream_t);
template void launch(const ColumnSums<c10::BFloat16>&, int64_t, cudaStream_t);

}  // namespace longclip
