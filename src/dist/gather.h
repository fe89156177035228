#pragma once
// dist/gather.h -- rows of all ranks with gradient.
// Shapes: B rows here, G = B x world_size rows of all ranks in rank order.

#include <ATen/core/Tensor.h>

#include <vector>

#include "dist/communicator.h"

namespace longclip {

/// Gathers several [B, E] tensors of one dtype in one collective; entry i of the result is [G, E] of mine[i].
/// Undefined entries stay undefined (on every rank alike).
/// The backward pass sums over ranks what each rank's loss sends to a row (reduce-scatter SUM); with gradients averaged
/// over ranks afterwards this is exactly the gradient of the mean of the ranks' losses.
/// Collective: yes, and so is the backward pass. A world of one returns `mine`.
/// Source: Long-CLIP gathers four times with torch.distributed.nn.all_gather, model_longclip.py:459-462 @3966af9.
std::vector<at::Tensor> gather_with_grad(const std::vector<at::Tensor>& mine_BE, Communicator& comm);

}  // namespace longclip
