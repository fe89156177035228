// kernels/activation.cpp -- QuickGELU through SiLU: x*sigmoid(ax) = silu(ax)/a, exact, with library kernels both ways.
#include "kernels/activation.h"

#include <ATen/ops/silu.h>
#include <ATen/ops/silu_backward.h>
#include <torch/csrc/autograd/custom_function.h>

namespace longclip {
namespace {

constexpr double kSlope = 1.702;  // OpenAI CLIP, clip/model.py QuickGELU

struct QuickGelu : torch::autograd::Function<QuickGelu> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x) {
    context->save_for_backward({x});
    return at::silu(x.mul(kSlope)).mul_(1.0 / kSlope);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& grad) {
    // d/dx silu(ax)/a = silu'(ax)
    return {at::silu_backward(grad[0], context->get_saved_variables()[0].mul(kSlope))};
  }
};

}  // namespace

at::Tensor quick_gelu(const at::Tensor& x) { return QuickGelu::apply(x); }

}  // namespace longclip
