#pragma once
// kernels/packed_attention.h -- multi-head attention inside each sequence of a packed batch, with its gradient.
// Shapes: T tokens of N sequences end to end, W = H x D width; scores are scaled by 1/sqrt(D).

#include <ATen/core/Tensor.h>

#include "tensors/packed_sequences.h"

namespace longclip {

/// Self-attention: qkv_T3W [T, 3W] holds queries, keys and values of every row (OpenAI CLIP's in_proj order).
/// Returns [T, W]. `causal`: a row sees itself and the rows before it in its own sequence.
/// CPU: any floating dtype, sequences in parallel. CUDA: flash varlen kernels for bf16/fp16, a padded fallback for
/// fp32 and fp64. Differentiable once.
at::Tensor packed_self_attention(const at::Tensor& qkv_T3W, int64_t num_heads, const PackedOffsets& rows, bool causal);

/// One query a sequence over all rows of that sequence: the last block of a tower, where a single row leaves.
/// q_NW [N, W], kv_T2W [T, 2W] keys and values. Returns [N, W]. For a causal tower REQUIRES that each query belongs to
/// the last row of its sequence. Devices and dtypes as above.
at::Tensor packed_query_attention(const at::Tensor& q_NW, const at::Tensor& kv_T2W, int64_t num_heads, const PackedOffsets& rows);

}  // namespace longclip
