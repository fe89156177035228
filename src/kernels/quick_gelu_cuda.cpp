// kernels/quick_gelu_cuda.cpp -- see kernels/quick_gelu_cuda.h; the kernels are in quick_gelu_cuda.cu.
#include "kernels/quick_gelu_cuda.h"

#include <ATen/Dispatch.h>
#include <ATen/cuda/CUDAContext.h>
#include <ATen/ops/empty_like.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>

#include "kernels/quick_gelu_launch.h"

namespace longclip {

at::Tensor quick_gelu_cuda(const at::Tensor& x) {
  const c10::cuda::CUDAGuard device(x.device());
  const at::Tensor from = x.contiguous(), out = at::empty_like(from);
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, x.scalar_type(), "quick_gelu", [&] {
    launch_quick_gelu(from.const_data_ptr<scalar_t>(), out.mutable_data_ptr<scalar_t>(), x.numel(), at::cuda::getCurrentCUDAStream());
  });
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

QuickGeluGradient quick_gelu_cuda_backward(const at::Tensor& grad_y, const at::Tensor& x) {
  const c10::cuda::CUDAGuard device(x.device());
  const at::Tensor from = x.contiguous(), grad = grad_y.contiguous();
  const QuickGeluGradient made{at::empty_like(from), at::empty_like(from)};
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, x.scalar_type(), "quick_gelu_backward", [&] {
    launch_quick_gelu_backward(from.const_data_ptr<scalar_t>(), grad.const_data_ptr<scalar_t>(), made.grad_x.mutable_data_ptr<scalar_t>(), made.y.mutable_data_ptr<scalar_t>(), x.numel(), at::cuda::getCurrentCUDAStream());
  });
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return made;
}

}  // namespace longclip
