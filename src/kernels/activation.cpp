// kernels/activation.cpp -- QuickGELU: one pass each way, on a CPU over plain arrays, on a GPU in a kernel; for other types
// of a CPU through SiLU, x*sigmoid(ax) = silu(ax)/a, exact, with library kernels.
#include "kernels/activation.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/silu_backward.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include "kernels/quick_gelu_cuda.h"
#include "kernels/quick_gelu_loops.h"

namespace longclip {
namespace {

constexpr double kSlope = 1.702;  // OpenAI CLIP, clip/model.py QuickGELU
constexpr int64_t kGrain = 16384;  // elements a thread takes at least

bool has_loops(const at::Tensor& x) {
  return x.is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
}

template <class Scalar> Scalar* data_of(const at::Tensor& tensor) { return static_cast<Scalar*>(tensor.data_ptr()); }

template <class Scalar> void run_forward(const at::Tensor& x, const at::Tensor& y) {
  at::parallel_for(0, x.numel(), kGrain, [&](int64_t begin, int64_t end) {
    quick_gelu_loops<Scalar>().forward(data_of<Scalar>(x) + begin, data_of<Scalar>(y) + begin, end - begin);
  });
}

template <class Scalar> void run_backward(const at::Tensor& grad_y, const at::Tensor& x, const at::Tensor& grad_x) {
  at::parallel_for(0, x.numel(), kGrain, [&](int64_t begin, int64_t end) {
    quick_gelu_loops<Scalar>().backward(data_of<Scalar>(grad_y) + begin, data_of<Scalar>(x) + begin, data_of<Scalar>(grad_x) + begin, end - begin);
  });
}

at::Tensor forward_of(const at::Tensor& x) {
  RECORD_FUNCTION("longclip::quick_gelu", std::vector<c10::IValue>{});
#ifdef LONGCLIP_WITH_CUDA
  if (x.is_cuda()) return quick_gelu_cuda(x);
#endif
  if (!has_loops(x)) return at::silu(x.mul(kSlope)).mul_(1.0 / kSlope);
  const at::Tensor from = x.contiguous(), y = at::empty_like(from);
  x.scalar_type() == at::kFloat ? run_forward<float>(from, y) : run_forward<BFloat16Bits>(from, y);
  return y;
}

at::Tensor backward_of(const at::Tensor& grad_y, const at::Tensor& x) {
  RECORD_FUNCTION("longclip::quick_gelu_backward", std::vector<c10::IValue>{});
#ifdef LONGCLIP_WITH_CUDA
  if (x.is_cuda()) return quick_gelu_cuda_backward(grad_y, x);
#endif
  if (!has_loops(x)) return at::silu_backward(grad_y, x.mul(kSlope));  // d/dx silu(ax)/a = silu'(ax)
  const at::Tensor grad = grad_y.contiguous(), from = x.contiguous(), grad_x = at::empty_like(from);
  x.scalar_type() == at::kFloat ? run_backward<float>(grad, from, grad_x) : run_backward<BFloat16Bits>(grad, from, grad_x);
  return grad_x;
}

struct QuickGelu : torch::autograd::Function<QuickGelu> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x) {
    context->save_for_backward({x});
    return forward_of(x);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& grad) {
    return {backward_of(grad[0], context->get_saved_variables()[0])};
  }
};

}  // namespace

at::Tensor quick_gelu(const at::Tensor& x) { return QuickGelu::apply(x); }

}  // namespace longclip
