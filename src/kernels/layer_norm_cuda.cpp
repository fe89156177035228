// kernels/layer_norm_cuda.cpp -- see kernels/layer_norm_cuda.h; the kernels are in layer_norm_cuda.cu.
#include "kernels/layer_norm_cuda.h"

#include <ATen/cuda/CUDAContext.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>

#include <algorithm>

#include "kernels/layer_norm_launch.h"
#include "kernels/packed_rows.h"

namespace longclip {
namespace {

constexpr int kMostColumns = 1280;
constexpr int kBlocksOfBackward = 2;  // for each multiprocessor: few, since each leaves a row of sums

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
    launch(LayerNormForward<Scalar>{rows.const_data_ptr<Scalar>(), data_or_null<Scalar>(added), scale.const_data_ptr<float>(),
                                    shift.const_data_ptr<float>(), added.defined() ? made.sum.mutable_data_ptr<Scalar>() : nullptr,
                                    made.normed.mutable_data_ptr<Scalar>(), made.mean.mutable_data_ptr<float>(),
                                    made.rstd.mutable_data_ptr<float>(), static_cast<float>(eps), count, static_cast<int>(x.size(1))},
           at::cuda::getCurrentCUDAStream());
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  });
  return made;
}

NormedGrads layer_norm_cuda_backward(const at::Tensor& grad_normed, const at::Tensor& grad_sum, const NormedRows& saved, const at::Tensor& weight) {
  const c10::cuda::CUDAGuard device(saved.sum.device());
  const at::Tensor rows = packed(saved.sum), grad = packed(grad_normed), more = packed_or_undefined(grad_sum), scale = weight.contiguous();
  const int64_t count = rows.size(0), width = rows.size(1);
  const int64_t blocks = std::clamp<int64_t>((count + kRowsOfBlock - 1) / kRowsOfBlock, 1, kBlocksOfBackward * at::cuda::getCurrentDeviceProperties()->multiProcessorCount);
  const at::Tensor out = at::empty_like(rows), sums = at::empty({blocks, 2, width}, rows.options().dtype(at::kFloat));
  for_type(rows.scalar_type(), [&](auto zero) {
    using Scalar = decltype(zero);
    launch(LayerNormBackward<Scalar>{grad.const_data_ptr<Scalar>(), data_or_null<Scalar>(more), rows.const_data_ptr<Scalar>(),
                                     scale.const_data_ptr<float>(), saved.mean.const_data_ptr<float>(), saved.rstd.const_data_ptr<float>(),
                                     out.mutable_data_ptr<Scalar>(), sums.mutable_data_ptr<float>(), count, static_cast<int>(width)},
           blocks, at::cuda::getCurrentCUDAStream());
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  });
  const at::Tensor total = sums.sum(0);
  return {out, total.select(0, 0), total.select(0, 1)};
}

}  // namespace longclip
