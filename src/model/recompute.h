#pragma once
// model/recompute.h -- activation checkpointing: a function whose inside is computed again in the backward pass.

#include <ATen/core/Tensor.h>

#include <functional>

namespace longclip {

/// function(x), keeping only x for the gradient. In the backward pass `function` runs once more with gradients, and the
/// parameters it uses collect theirs. REQUIRES: `function` is deterministic, lives on (captures by value what it uses),
/// and x requires a gradient wherever a parameter inside does.
at::Tensor recompute_in_backward(const std::function<at::Tensor(const at::Tensor&)>& function, const at::Tensor& x);

}  // namespace longclip
