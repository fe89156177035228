#pragma once
// kernels/narrow_attention_backward.h -- the gradient of one sequence's attention on a CPU, in bfloat16 matrix products.
// Shapes: L queries and keys of the sequence, H heads, D head dimension.

#include <ATen/core/Tensor.h>

namespace longclip {

/// Tensors of one sequence, [L, H, D] views of bfloat16; rows may lie apart, a head's D numbers lie behind each other.
struct SequenceAttention {
  at::Tensor q, k, v, out, grad_out;  ///< inputs and result of the forward pass, and what comes back
  at::Tensor lse_LH;                  ///< float32 log-sum-exp of each query's scores
  bool causal = false;
};

/// Whether this processor multiplies bfloat16 matrices fast enough for narrow_attention_backward to pay.
bool has_fast_bfloat16_products();

/// Writes the gradients of queries, keys and values. About twice as fast as torch's flash kernel at CLIP's lengths, which holds
/// its blocks in float32; the errors are those of bfloat16 (docs/performance.md). Not collective; one thread.
void narrow_attention_backward(const SequenceAttention& sequence, const at::Tensor& grad_q, const at::Tensor& grad_k, const at::Tensor& grad_v);

}  // namespace longclip
