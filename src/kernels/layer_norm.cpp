// kernels/layer_norm.cpp -- see kernels/layer_norm.h. A CPU has torch's kernels, whose time is small beside the matrix products'.
#include "kernels/layer_norm.h"

#include <ATen/ops/native_layer_norm.h>
#include <ATen/ops/native_layer_norm_backward.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include "kernels/layer_norm_cuda.h"

namespace longclip {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// torch's kernels take float32 weights with narrow rows on a CPU alone.
at::Tensor parameter_for(const at::Tensor& parameter, const at::Tensor& rows) { return rows.is_cuda() ? parameter.to(rows.scalar_type()) : parameter; }

NormedRows forward_of(const at::Tensor& x, const at::Tensor& delta, const at::Tensor& weight, const at::Tensor& bias) {
  RECORD_FUNCTION("longclip::add_layer_norm", std::vector<c10::IValue>{});
#ifdef LONGCLIP_WITH_CUDA
  if (has_layer_norm_cuda(x, weight)) return layer_norm_cuda(x, delta, weight, bias, kLayerNormEps);
#endif
  const at::Tensor sum = delta.defined() ? x.add(delta) : x;
  const auto [normed, mean, rstd] = at::native_layer_norm(sum, {x.size(1)}, parameter_for(weight, x), parameter_for(bias, x), kLayerNormEps);
  return {sum, normed, mean, rstd};
}

NormedGrads backward_of(const at::Tensor& grad_normed, const at::Tensor& grad_sum, const NormedRows& saved, const at::Tensor& weight, const at::Tensor& bias) {
  RECORD_FUNCTION("longclip::add_layer_norm_backward", std::vector<c10::IValue>{});
#ifdef LONGCLIP_WITH_CUDA
  if (has_layer_norm_cuda(saved.sum, weight)) return layer_norm_cuda_backward(grad_normed, grad_sum, saved, weight);
#endif
  auto [grad, grad_weight, grad_bias] =
      at::native_layer_norm_backward(grad_normed, saved.sum, {saved.sum.size(1)}, saved.mean, saved.rstd, parameter_for(weight, saved.sum),
                                     parameter_for(bias, saved.sum), {true, true, true});
  if (grad_sum.defined()) grad = grad.add_(grad_sum);
  return {grad, grad_weight.to(weight.scalar_type()), grad_bias.to(bias.scalar_type())};
}

struct AddLayerNorm : torch::autograd::Function<AddLayerNorm> {
  static variable_list forward(AutogradContext* context, const at::Tensor& x, const std::optional<at::Tensor>& delta, const at::Tensor& weight, const at::Tensor& bias) {
    const NormedRows rows = forward_of(x, delta.value_or(at::Tensor()), weight, bias);
    context->set_materialize_grads(false);
    context->save_for_backward({rows.sum, rows.mean, rows.rstd, weight, bias});
    context->saved_data["has_delta"] = delta.has_value();
    return {rows.sum, rows.normed};
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const bool has_delta = context->saved_data["has_delta"].toBool();
    const auto to_inputs = [&](const at::Tensor& grad, const at::Tensor& grad_weight, const at::Tensor& grad_bias) -> variable_list {
      return {grad, has_delta ? grad : at::Tensor(), grad_weight, grad_bias};
    };
    if (!grads[1].defined()) return to_inputs(grads[0], {}, {});
    const NormedGrads made = backward_of(grads[1], grads[0], {saved[0], {}, saved[1], saved[2]}, saved[3], saved[4]);
    return to_inputs(made.grad, made.grad_weight, made.grad_bias);
  }
};

}  // namespace

AddedNorm add_layer_norm(const at::Tensor& x_TW, const at::Tensor& delta_TW, const at::Tensor& weight_W, const at::Tensor& bias_W) {
  const variable_list made = AddLayerNorm::apply(x_TW, delta_TW.defined() ? std::optional(delta_TW) : std::nullopt, weight_W, bias_W);
  return {made[0], made[1]};
}

}  // namespace longclip
