// optim/adamw.cpp -- at::_fused_adamw_, as torch.optim.AdamW(fused=True).
#include "optim/adamw.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "base/error.h"
#include "tensors/shape.h"

namespace longclip {

AdamW::AdamW(std::vector<std::string> names, std::vector<at::Tensor> parameters, const OptimConfig& config)
    : config_(config), names_(std::move(names)), parameters_(std::move(parameters)) {
  for (const at::Tensor& parameter : parameters_) {
    exp_avgs_.push_back(at::zeros_like(parameter));
    exp_avg_sqs_.push_back(at::zeros_like(parameter));
    steps_.push_back(at::zeros({}, parameter.options().dtype(at::kFloat).requires_grad(false)));
  }
}

void AdamW::zero_grad() {
  for (at::Tensor& parameter : parameters_) parameter.mutable_grad().reset();
}

void AdamW::step(double lr, double grad_divisor) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> parameters, grads, exp_avgs, exp_avg_sqs, steps;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (!parameters_[i].grad().defined()) continue;
    parameters.push_back(parameters_[i]);
    grads.push_back(parameters_[i].grad());
    exp_avgs.push_back(exp_avgs_[i]);
    exp_avg_sqs.push_back(exp_avg_sqs_[i]);
    steps.push_back(steps_[i]);
  }
  if (parameters.empty()) return;
  std::optional<at::Tensor> divisor;  // the kernel divides while it reads
  if (grad_divisor != 1) divisor = at::full({}, grad_divisor, parameters[0].options().dtype(at::kFloat).requires_grad(false));
  at::_foreach_add_(steps, 1);
  at::_fused_adamw_(parameters, grads, exp_avgs, exp_avg_sqs, /*max_exp_avg_sqs=*/{}, steps, lr, config_.betas[0], config_.betas[1],
                    config_.weight_decay, config_.eps, /*amsgrad=*/false, /*maximize=*/false, divisor);
}

at::Tensor AdamW::grad_norm() const {
  std::vector<at::Tensor> grads;
  for (const at::Tensor& parameter : parameters_) {
    if (parameter.grad().defined()) grads.push_back(parameter.grad());
  }
  if (grads.empty()) return at::zeros({}, parameters_.at(0).options().dtype(at::kDouble).requires_grad(false));
  return at::stack(at::_foreach_norm(grads, 2)).to(at::kDouble).square().sum().sqrt();
}

TensorMap AdamW::state() const {
  TensorMap state;
  for (size_t i = 0; i < names_.size(); ++i) {
    state["exp_avg." + names_[i]] = exp_avgs_[i];
    state["exp_avg_sq." + names_[i]] = exp_avg_sqs_[i];
    state["step." + names_[i]] = steps_[i];
  }
  return state;
}

void AdamW::load_state(const TensorMap& state) {
  const at::NoGradGuard no_grad;
  size_t used = 0;
  const auto load = [&](const std::string& name, const at::Tensor& target) {
    const auto found = state.find(name);
    require<DataError>(found != state.end(), "optimizer state: '{}' is missing", name);
    require<DataError>(found->second.sizes() == target.sizes(), "optimizer state: '{}' is {}, wanted is {}", name,
                       shape_text(found->second.sizes()), shape_text(target.sizes()));
    target.copy_(found->second);
    ++used;
  };
  for (size_t i = 0; i < names_.size(); ++i) {
    load("exp_avg." + names_[i], exp_avgs_[i]);
    load("exp_avg_sq." + names_[i], exp_avg_sqs_[i]);
    load("step." + names_[i], steps_[i]);
  }
  require<DataError>(used == state.size(), "optimizer state: {} tensors, {} are wanted: it belongs to other trained parameters", state.size(), used);
}

}  // namespace longclip
