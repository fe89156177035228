// kernels/activation.cpp -- QuickGELU: one pass each way, on a CPU over plain arrays, on a GPU in a kernel; for other types
// of a CPU through SiLU, x*sigmoid(ax) = silu(ax)/a, exact, with library kernels.
#include "kernels/activation.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/silu_backward.h>
#include <ATen/record_function.h>

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

template <class Scalar> void run_backward(const at::Tensor& grad_y, const at::Tensor& x, const QuickGeluGradient& made) {
  at::parallel_for(0, x.numel(), kGrain, [&](int64_t begin, int64_t end) {
    quick_gelu_loops<Scalar>().backward(data_of<Scalar>(grad_y) + begin, data_of<Scalar>(x) + begin, data_of<Scalar>(made.grad_x) + begin,
                                        data_of<Scalar>(made.y) + begin, end - begin);
  });
}

}  // namespace

at::Tensor quick_gelu(const at::Tensor& x) {
  RECORD_FUNCTION("longclip::quick_gelu", std::vector<c10::IValue>{});
#ifdef LONGCLIP_WITH_CUDA
  if (x.is_cuda()) return quick_gelu_cuda(x);
#endif
  if (!has_loops(x)) return at::silu(x.mul(kSlope)).mul_(1.0 / kSlope);
  const at::Tensor from = x.contiguous(), y = at::empty_like(from);
  x.scalar_type() == at::kFloat ? run_forward<float>(from, y) : run_forward<BFloat16Bits>(from, y);
  return y;
}

QuickGeluGradient quick_gelu_backward(const at::Tensor& grad_y, const at::Tensor& x) {
  RECORD_FUNCTION("longclip::quick_gelu_backward", std::vector<c10::IValue>{});
#ifdef LONGCLIP_WITH_CUDA
  if (x.is_cuda()) return quick_gelu_cuda_backward(grad_y, x);
#endif
  if (!has_loops(x)) return {at::silu_backward(grad_y, x.mul(kSlope)), quick_gelu(x)};  // d/dx silu(ax)/a = silu'(ax)
  const at::Tensor grad = grad_y.contiguous(), from = x.contiguous();
  const QuickGeluGradient made{at::empty_like(from), at::empty_like(from)};
  x.scalar_type() == at::kFloat ? run_backward<float>(grad, from, made) : run_backward<BFloat16Bits>(grad, from, made);
  return made;
}

}  // namespace longclip
