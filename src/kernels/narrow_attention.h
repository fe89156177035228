#pragma once
// kernels/narrow_attention.h -- one sequence's attention and its gradient on a CPU, in bfloat16 matrix products.
// Shapes: L queries and keys of the sequence, H heads, D head dimension.

#include <ATen/core/Tensor.h>

namespace longclip {

/// Tensors of one sequence, [L, H, D] views of bfloat16; rows may lie apart, a head's D numbers lie behind each other.
struct SequenceAttention {
  at::Tensor q, k, v;
  at::Tensor out;     ///< the result of the forward pass
  at::Tensor lse_LH;  ///< float32 log-sum-exp of each query's scores
  bool causal = false;
};

/// Fills out and lse_LH. Scores are float32, weights are rounded to bfloat16, as in torch's flash kernel, which takes half as
/// long again at CLIP's lengths (docs/performance.md). Not collective; for one thread of many.
void narrow_attention(const SequenceAttention& sequence);

/// Writes the gradients of queries, keys and values, [L, H, D] views like them. About twice as fast as torch's flash kernel, which
/// holds its blocks in float32; the errors are those of bfloat16 (docs/performance.md). Not collective; for one thread of many.
void narrow_attention_backward(const SequenceAttention& sequence, const at::Tensor& grad_out, const at::Tensor& grad_q, const at::Tensor& grad_k, const at::Tensor& grad_v);

}  // namespace longclip
