// kernels/layer_norm_cuda.cu -- a warp takes a row, keeps it in registers and reads it once; in the backward pass each warp also
// sums the gradients of weight and bias over its rows, and the blocks' sums are added up at the end.
#include "kernels/layer_norm_cuda.h"

#include <ATen/cuda/CUDAContext.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>

#include <algorithm>

#include "kernels/cuda_packs.cuh"

namespace longclip {
namespace {

constexpr int kWarps = 8, kLanes = 32, kMostColumns = 1280;
constexpr int kBlocksOfBackward = 2;  // for each multiprocessor: few, since each leaves a row of sums

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

template <class Scalar> struct ForwardArguments {
  const Scalar *x, *delta;
  const float *weight, *bias;
  Scalar *sum, *normed;
  float *mean, *rstd, eps;
  int64_t rows;
  int width;
};

template <class Scalar, int kColumns> __global__ void __launch_bounds__(kWarps * kLanes) forward_rows(ForwardArguments<Scalar> a) {
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

template <class Scalar> struct BackwardArguments {
  const Scalar *grad_normed, *grad_sum, *sum;
  const float *weight, *mean, *rstd;
  Scalar* grad;
  float* sums;  // [blocks, 2, width]: of weight, of bias
  int64_t rows;
  int width;
};

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

template <class Scalar, int kColumns> __global__ void __launch_bounds__(kWarps * kLanes) backward_rows(BackwardArguments<Scalar> a) {
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

template <int kColumns, class Scalar> void launch(const ForwardArguments<Scalar>& a) {
  const auto blocks = static_cast<unsigned>((a.rows + kWarps - 1) / kWarps);
  forward_rows<Scalar, kColumns><<<blocks, kWarps * kLanes, 0, at::cuda::getCurrentCUDAStream()>>>(a);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

template <int kColumns, class Scalar> void launch(const BackwardArguments<Scalar>& a, int64_t blocks) {
  backward_rows<Scalar, kColumns><<<static_cast<unsigned>(blocks), kWarps * kLanes, a.width * sizeof(float), at::cuda::getCurrentCUDAStream()>>>(a);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

/// With the fewest registers that hold a lane's columns.
template <class... Arguments> void launch_for(int width, const Arguments&... arguments) {
  const int columns = (width + 8 * kLanes - 1) / (8 * kLanes) * 8;
  switch (columns) {
    case 8: return launch<8>(arguments...);
    case 16: return launch<16>(arguments...);
    case 24: return launch<24>(arguments...);
    case 32: return launch<32>(arguments...);
    default: return launch<40>(arguments...);
  }
}

template <class Function> void for_type(at::ScalarType type, Function function) {
  if (type == at::kFloat) function(float());
  else if (type == at::kHalf) function(c10::Half());
  else function(c10::BFloat16());
}

template <class Scalar> const Scalar* data_or_null(const at::Tensor& tensor) { return tensor.defined() ? tensor.const_data_ptr<Scalar>() : nullptr; }

at::Tensor packed_or_undefined(const at::Tensor& tensor) { return tensor.defined() ? packed(tensor) : tensor; }

}  // namespace

bool has_layer_norm_cuda(const at::Tensor& rows, const at::Tensor& weight) {
  const auto type = rows.scalar_type();
  return rows.is_cuda() && (type == at::kFloat || type == at::kHalf || type == at::kBFloat16) && weight.scalar_type() == at::kFloat &&
         rows.size(1) <= kMostColumns && rows.size(1) % 8 == 0;
}

NormedRows layer_norm_cuda(const at::Tensor& x, const at::Tensor& delta, const at::Tensor& weight, const at::Tensor& bias, double eps) {
  const c10::cuda::CUDAGuard device(x.device());
  const at::Tensor rows = packed(x), added = packed_or_undefined(delta), scale = weight.contiguous(), shift = bias.contiguous();
  const int64_t count = x.size(0);
  const auto numbers = x.options().dtype(at::kFloat);
  const NormedRows made{added.defined() ? at::empty_like(rows) : x, at::empty_like(rows), at::empty({count}, numbers), at::empty({count}, numbers)};
  if (count == 0) return made;
  for_type(x.scalar_type(), [&](auto zero) {
    using Scalar = decltype(zero);
    launch_for(static_cast<int>(x.size(1)),
               ForwardArguments<Scalar>{rows.const_data_ptr<Scalar>(), data_or_null<Scalar>(added), scale.const_data_ptr<float>(),
                                        shift.const_data_ptr<float>(), added.defined() ? made.sum.mutable_data_ptr<Scalar>() : nullptr,
                                        made.normed.mutable_data_ptr<Scalar>(), made.mean.mutable_data_ptr<float>(),
                                        made.rstd.mutable_data_ptr<float>(), static_cast<float>(eps), count, static_cast<int>(x.size(1))});
  });
  return made;
}

NormedGrads layer_norm_cuda_backward(const at::Tensor& grad_normed, const at::Tensor& grad_sum, const NormedRows& saved, const at::Tensor& weight) {
  const c10::cuda::CUDAGuard device(saved.sum.device());
  const at::Tensor rows = packed(saved.sum), grad = packed(grad_normed), more = packed_or_undefined(grad_sum), scale = weight.contiguous();
  const int64_t count = rows.size(0), width = rows.size(1);
  const int64_t blocks = std::clamp<int64_t>((count + kWarps - 1) / kWarps, 1, kBlocksOfBackward * at::cuda::getCurrentDeviceProperties()->multiProcessorCount);
  const at::Tensor out = at::empty_like(rows), sums = at::empty({blocks, 2, width}, rows.options().dtype(at::kFloat));
  for_type(rows.scalar_type(), [&](auto zero) {
    using Scalar = decltype(zero);
    launch_for(static_cast<int>(width),
               BackwardArguments<Scalar>{grad.const_data_ptr<Scalar>(), data_or_null<Scalar>(more), rows.const_data_ptr<Scalar>(),
                                         scale.const_data_ptr<float>(), saved.mean.const_data_ptr<float>(), saved.rstd.const_data_ptr<float>(),
                                         out.mutable_data_ptr<Scalar>(), sums.mutable_data_ptr<float>(), count, static_cast<int>(width)},
               blocks);
  });
  const at::Tensor total = sums.sum(0);
  return {out, total.select(0, 0), total.select(0, 1)};
}

}  // namespace longclip
