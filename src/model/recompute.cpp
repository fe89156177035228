// model/recompute.cpp -- a re-entrant autograd function, as torch.utils.checkpoint(use_reentrant=True).
#include "model/recompute.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

namespace longclip {
namespace {

struct Recomputed : torch::CustomClassHolder {
  explicit Recomputed(std::function<at::Tensor(const at::Tensor&)> f) : function(std::move(f)) {}
  std::function<at::Tensor(const at::Tensor&)> function;
};

struct Recompute : torch::autograd::Function<Recompute> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const c10::intrusive_ptr<Recomputed>& inside) {
    context->save_for_backward({x});
    context->saved_data["inside"] = c10::IValue::make_capsule(inside);
    return inside->function(x);  // a Function's forward runs without gradients
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, const torch::autograd::variable_list& grad) {
    const auto inside = c10::static_intrusive_pointer_cast<Recomputed>(context->saved_data["inside"].toCapsule());
    const at::Tensor x = context->get_saved_variables()[0].detach().requires_grad_(true);
    const c10::AutoGradMode with_gradients(true);
    const at::Tensor y = inside->function(x);
    torch::autograd::backward({y}, {grad[0]});
    return {x.grad(), at::Tensor()};
  }
};

}  // namespace

at::Tensor recompute_in_backward(const std::function<at::Tensor(const at::Tensor&)>& function, const at::Tensor& x) {
  return Recompute::apply(x, c10::make_intrusive<Recomputed>(function));
}

}  // namespace longclip
