// kernels/linear.cpp -- see kernels/linear.h
#include "kernels/linear.h"

#include <ATen/core/List.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>
#include <torch/csrc/autograd/custom_function.h>

#include "kernels/activation.h"
#include "kernels/bfloat16_products.h"
#include "kernels/column_sums_cuda.h"

namespace longclip {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

bool is_narrow(const at::Tensor& x) { return x.scalar_type() == at::kBFloat16 || x.scalar_type() == at::kHalf; }

at::Tensor weight_gradient(const at::Tensor& grad_TO, const at::Tensor& x_TI, at::ScalarType dtype) {
  if (grad_TO.is_cuda() && is_narrow(grad_TO) && dtype == at::kFloat) return at::mm(grad_TO.t(), x_TI, at::kFloat);
  return grad_TO.t().mm(x_TI).to(dtype);
}

at::Tensor bias_gradient(const at::Tensor& grad_TO, at::ScalarType dtype) {
#ifdef LONGCLIP_WITH_CUDA
  if (grad_TO.is_cuda() && dtype == at::kFloat) return column_sums_cuda(grad_TO);
#endif
  return grad_TO.sum(0).to(dtype);
}

/// On a CPU with bfloat16, oneDNN's layer as torch's compiler calls it: at::linear copies the bias into each row and lets the product add to
/// that, the same bits 4 % later. An operator without a header of its own; where LibTorch lacks oneDNN it is not there.
at::Tensor narrow_linear(const at::Tensor& x_TI, const at::Tensor& weight_OI, const at::Tensor& bias_O) {
  using Activations = c10::List<std::optional<at::Scalar>>;
  using Signature = at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, std::string_view, Activations, std::optional<std::string_view>);
  static const auto found = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
  if (!found || !x_TI.is_cpu() || x_TI.scalar_type() != at::kBFloat16 || !has_fast_bfloat16_products()) return at::linear(x_TI, weight_OI, bias_O);
  return found->typed<Signature>().call(x_TI, weight_OI, bias_O, /*attr=*/"none", Activations(), /*algorithm=*/"");
}

/// What both layers keep: their input, and the weight. A CPU casts that again in the backward pass: 1 % of the time, and the memory of
/// all weights once less at the peak.
at::Tensor keep_and_multiply(AutogradContext* context, const at::Tensor& kept_TI, const at::Tensor& x_TI, const at::Tensor& weight_OI, const at::Tensor& bias_O) {
  const auto dtype = x_TI.scalar_type();
  const at::Tensor weight = weight_OI.to(dtype);
  context->save_for_backward({kept_TI, x_TI.is_cuda() ? weight : weight_OI});
  context->saved_data["dtype"] = weight_OI.scalar_type();
  return narrow_linear(x_TI, weight, bias_O.to(dtype));
}

struct Linear : torch::autograd::Function<Linear> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x_TI, const at::Tensor& weight_OI, const at::Tensor& bias_O) {
    return keep_and_multiply(context, x_TI, x_TI, weight_OI, bias_O);
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const auto dtype = context->saved_data["dtype"].toScalarType();
    const at::Tensor& grad_TO = grads[0];
    variable_list made(3);
    if (context->needs_input_grad(2)) made[2] = bias_gradient(grad_TO, dtype);  // first: the rows are still in a CPU's cache
    if (context->needs_input_grad(0)) made[0] = grad_TO.mm(saved[1].to(grad_TO.scalar_type()));
    if (context->needs_input_grad(1)) made[1] = weight_gradient(grad_TO, saved[0], dtype);
    return made;
  }
};

struct QuickGeluLinear : torch::autograd::Function<QuickGeluLinear> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& hidden_TI, const at::Tensor& weight_OI, const at::Tensor& bias_O) {
    return keep_and_multiply(context, hidden_TI, quick_gelu(hidden_TI), weight_OI, bias_O);
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const auto dtype = context->saved_data["dtype"].toScalarType();
    const at::Tensor& grad_TO = grads[0];
    variable_list made(3);
    if (context->needs_input_grad(2)) made[2] = bias_gradient(grad_TO, dtype);
    const QuickGeluGradient active = quick_gelu_backward(grad_TO.mm(saved[1].to(grad_TO.scalar_type())), saved[0]);
    made[0] = active.grad_x;
    if (context->needs_input_grad(1)) made[1] = weight_gradient(grad_TO, active.y, dtype);
    return made;
  }
};

}  // namespace

at::Tensor linear(const at::Tensor& x_TI, const at::Tensor& weight_OI, const at::Tensor& bias_O) { return Linear::apply(x_TI, weight_OI, bias_O); }

at::Tensor quick_gelu_linear(const at::Tensor& hidden_TI, const at::Tensor& weight_OI, const at::Tensor& bias_O) {
  return QuickGeluLinear::apply(hidden_TI, weight_OI, bias_O);
}

}  // namespace longclip
