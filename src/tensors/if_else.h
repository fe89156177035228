#pragma once
// tensors/if_else.h -- a choice between two tensors by a flag that may be on a GPU.

#include <ATen/core/Tensor.h>
#include <ATen/ops/where.h>

namespace longclip {

/// condition ? yes : no. condition: one bool; `no` is spread to the shape of `yes`. A GPU's flag is not brought to the host, which would
/// wait for it; on a CPU nothing is copied: the result is one of the two, to be read.
inline at::Tensor if_else(const at::Tensor& condition, const at::Tensor& yes, const at::Tensor& no) {
  if (!condition.is_cpu()) return at::where(condition, yes, no);
  return condition.item<bool>() ? yes : no.expand_as(yes);
}

}  // namespace longclip
