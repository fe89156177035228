#pragma once
// model/transformer.h -- the pre-LayerNorm transformer of CLIP on packed rows, for both towers.
// Shapes: T rows of N sequences end to end, W width.

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

#include "model/architecture.h"
#include "tensors/packed_sequences.h"
#include "tensors/tensor_map.h"

namespace longclip {

/// How a forward pass computes.
struct ForwardOptions {
  /// Matrix products, attention and the residual stream; weights stay float32 and are cast once a pass.
  at::ScalarType compute_dtype = at::kFloat;
  /// Keep only the input of each block and compute the rest again in the backward pass.
  bool recompute_blocks = false;
};

/// Takes the tensor of a name out of a weight list; throws where it is missing or has another shape.
using TakeWeight = std::function<at::Tensor(const std::string& name, at::IntArrayRef shape)>;
/// Called with the name and the tensor of each parameter, in the order of the forward pass.
using VisitParameter = std::function<void(const std::string& name, at::Tensor& parameter)>;

/// Weight and bias of a linear layer or a LayerNorm.
struct Affine {
  at::Tensor weight, bias;
};

/// LayerNorm with eps 1e-5 (OpenAI CLIP), statistics in float32, result in the dtype of x_TW.
at::Tensor layer_norm(const at::Tensor& x_TW, const Affine& norm);

/// One residual block. Parameter names are OpenAI CLIP's.
struct Block {
  Affine ln_1;
  at::Tensor in_proj_weight, in_proj_bias;  ///< [3W, W], [3W]: queries, keys, values
  Affine out_proj, ln_2, c_fc, c_proj;
};

/// A stack of residual blocks. Source: OpenAI CLIP, clip/model.py ResidualAttentionBlock.
class Transformer {
 public:
  /// `prefix` is "transformer." or "visual.transformer.".
  Transformer(const TowerSize& size, Activation activation, bool causal, const std::string& prefix, const TakeWeight& take);

  /// x_TW through all blocks; returns the rows `last_rows_N` [N], one of each sequence, as [N, W].
  /// Only these rows leave the tower, so the last block computes keys and values for all rows but queries, projection
  /// and MLP for these alone: exact, about 1/layers of the work less (Long-CLIP computes all rows).
  /// Causal: REQUIRES that each is the last row of its sequence.
  at::Tensor forward(const at::Tensor& x_TW, const PackedOffsets& rows, const at::Tensor& last_rows_N, const ForwardOptions& options) const;

  /// The same for every row: [T, W]. Keeps nothing back for a backward pass to compute again.
  at::Tensor forward_all(const at::Tensor& x_TW, const PackedOffsets& rows) const;

  void visit(const VisitParameter& visitor);

 private:
  at::Tensor full_block(const Block& block, const at::Tensor& x_TW, const PackedOffsets& rows) const;
  at::Tensor last_block(const Block& block, const at::Tensor& x_TW, const PackedOffsets& rows, const at::Tensor& last_rows_N) const;
  /// Projection of the attended rows, both residual additions and the MLP.
  at::Tensor rest_of_block(const Block& block, const at::Tensor& x_TW, const at::Tensor& attended_TW) const;

  TowerSize size_;
  Activation activation_;
  bool causal_;
  std::string prefix_;
  std::vector<Block> blocks_;  // [layer]
};

}  // namespace longclip
