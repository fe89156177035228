#pragma once
// optim/adamw.h -- AdamW over lists of tensors: one fused kernel call a step on CPU and CUDA.

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "optim/optim_config.h"
#include "tensors/tensor_map.h"

namespace longclip {

/// Decoupled weight decay on every parameter (upstream decays biases, LayerNorm and logit_scale too: docs/recipe.md).
/// Holds the parameters and their moments. State that a checkpoint saves: `exp_avg`, `exp_avg_sq` and step count of each.
class AdamW {
 public:
  /// `names` and `parameters` in one order. Parameters are float32 (or float64) leaves on one device.
  AdamW(std::vector<std::string> names, std::vector<at::Tensor> parameters, const OptimConfig& config);

  /// Clears the gradients.
  void zero_grad();
  /// One update with gradients that REQUIRES finite values (see grad_norm). Parameters without a gradient this step
  /// (a switched-off term) are left as they are.
  /// `grad_divisor`: the gradients are divided by it first (loss scaling, clipping).
  void step(double lr, double grad_divisor = 1);

  /// [] L2 norm of all gradients, computed in float64 from each tensor's own norm; not finite if any entry is not.
  at::Tensor grad_norm() const;

  /// "exp_avg.NAME", "exp_avg_sq.NAME" and "step.NAME" (float32 scalar) of each parameter.
  TensorMap state() const;
  /// Takes what state() gave; throws DataError that names what is missing, extra or misshapen.
  void load_state(const TensorMap& state);

 private:
  OptimConfig config_;
  std::vector<std::string> names_;       // [parameter]
  std::vector<at::Tensor> parameters_;   // [parameter]
  std::vector<at::Tensor> exp_avgs_;     // [parameter]
  std::vector<at::Tensor> exp_avg_sqs_;  // [parameter]
  std::vector<at::Tensor> steps_;        // [parameter] float32 scalars, as the fused kernel wants them
};

}  // namespace longclip
