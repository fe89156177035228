#pragma once
// tests/bench/useful_flops.h -- the arithmetic that a training step cannot do without, to divide a measured time by.

#include <cstdint>
#include <vector>

#include "model/architecture.h"

namespace longclip::bench {

/// Multiplications and additions (2 a pair) of the matrix products and the attention of one tower's forward pass over one
/// sequence of n tokens. W width, M MLP width, c the share of attention pairs that are used: (n+1)/2n if causal, else 1.
///   full block:  8 n W^2 (queries, keys, values, output) + 4 c n^2 W (scores, weighted sum) + 4 n W M (MLP)
///   last block:  4 n W^2 (keys, values) + 4 W^2 (one query and its output) + 4 n W (attention) + 4 W M
/// as only one row of the last block leaves the tower. Counted for tokens that exist: no padding.
double tower_flops(const TowerSize& tower, int64_t num_tokens, bool causal);

/// Forward and backward of one picture, without coarse features, loss and optimizer: three times the forward pass (the
/// backward pass makes two products of each), with patch embedding and projection.
double image_step_flops(const Architecture& architecture);
/// The same of one text.
double text_step_flops(const Architecture& architecture, int64_t num_tokens);

}  // namespace longclip::bench
