// kernels/column_sums_cuda.cu -- a block takes 32 packs of columns and every few rows; the blocks' sums are added up at the end.
#include "kernels/column_sums_cuda.h"

#include <ATen/cuda/CUDAContext.h>
#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>

#include <algorithm>

#include "kernels/cuda_packs.cuh"

namespace longclip {
namespace {

constexpr int kLanes = 32, kRows = 8;     // threads of a block
constexpr int kBlocksOfProcessor = 8;  // enough reads at a time to keep the memory busy

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

template <class Scalar> at::Tensor sums_of(const at::Tensor& x) {
  const int64_t rows = x.size(0), columns = x.size(1), tile = kLanes * kPackSize<Scalar>, tiles = (columns + tile - 1) / tile;
  const int64_t wanted = kBlocksOfProcessor * at::cuda::getCurrentDeviceProperties()->multiProcessorCount / tiles;
  const int64_t parts = std::clamp<int64_t>(wanted, 1, std::max<int64_t>(1, (rows + 4 * kRows - 1) / (4 * kRows)));
  const at::Tensor sums = at::empty({parts, columns}, x.options().dtype(at::kFloat));
  const dim3 blocks(static_cast<unsigned>(tiles), static_cast<unsigned>(parts)), threads(kLanes, kRows);
  sum_columns<Scalar><<<blocks, threads, 0, at::cuda::getCurrentCUDAStream()>>>(x.const_data_ptr<Scalar>(), sums.mutable_data_ptr<float>(), rows, columns);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return parts == 1 ? sums.squeeze(0) : sums.sum(0);
}

}  // namespace

at::Tensor column_sums_cuda(const at::Tensor& x_TC) {
  const c10::cuda::CUDAGuard device(x_TC.device());
  const auto type = x_TC.scalar_type();
  const bool is_known = type == at::kFloat || type == at::kHalf || type == at::kBFloat16;
  if (!is_known || x_TC.size(1) % (16 / static_cast<int64_t>(x_TC.element_size())) != 0) return x_TC.sum(0, /*keepdim=*/false, at::kFloat);
  const at::Tensor x = packed(x_TC);
  return type == at::kFloat ? sums_of<float>(x) : type == at::kHalf ? sums_of<c10::Half>(x) : sums_of<c10::BFloat16>(x);
}

}  // namespace longclip
