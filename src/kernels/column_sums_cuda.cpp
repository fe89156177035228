// kernels/column_sums_cuda.cpp -- see kernels/column_sums_cuda.h; the kernel leaves a few sums for each column, which are added up here.
#include "kernels/column_sums_cuda.h"

#include <ATen/cuda/CUDAContext.h>
#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>

#include <algorithm>

#include "kernels/column_sums_launch.h"
#include "kernels/packed_rows.h"

namespace longclip {
namespace {

constexpr int kBlocksOfProcessor = 8;  // enough reads at a time to keep the memory busy

template <class Scalar> at::Tensor sums_of(const at::Tensor& x) {
  const int64_t rows = x.size(0), columns = x.size(1), tile = kPacksOfBlock * static_cast<int64_t>(16 / sizeof(Scalar)), tiles = (columns + tile - 1) / tile;
  const int64_t wanted = kBlocksOfProcessor * at::cuda::getCurrentDeviceProperties()->multiProcessorCount / tiles;
  const int64_t parts = std::clamp<int64_t>(wanted, 1, std::max<int64_t>(1, (rows + 4 * kRowsAtOnce - 1) / (4 * kRowsAtOnce)));
  const at::Tensor sums = at::empty({parts, columns}, x.options().dtype(at::kFloat));
  launch(ColumnSums<Scalar>{x.const_data_ptr<Scalar>(), sums.mutable_data_ptr<float>(), rows, columns}, parts, at::cuda::getCurrentCUDAStream());
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
