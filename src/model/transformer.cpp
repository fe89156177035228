// model/transformer.cpp -- see model/transformer.h. Every line is one operation of the paper's block.
#include "model/transformer.h"

#include <ATen/ops/gelu.h>

#include "kernels/layer_norm.h"
#include "kernels/linear.h"
#include "kernels/packed_attention.h"
#include "model/recompute.h"

namespace longclip {

at::Tensor layer_norm(const at::Tensor& x_TW, const Affine& norm) { return add_layer_norm(x_TW, {}, norm.weight, norm.bias).normed_TW; }

Transformer::Transformer(const TowerSize& size, Activation activation, bool causal, const std::string& prefix, const TakeWeight& take)
    : size_(size), activation_(activation), causal_(causal), prefix_(prefix + "resblocks.") {
  const int64_t width = size.width;
  const auto affine = [&](const std::string& name, std::vector<int64_t> weight_shape) {
    const int64_t rows = weight_shape[0];
    return Affine{take(name + ".weight", weight_shape), take(name + ".bias", {rows})};
  };
  for (int64_t layer = 0; layer < size.layers; ++layer) {
    const std::string name = prefix_ + std::to_string(layer) + ".";
    Block block;
    block.ln_1 = affine(name + "ln_1", {width});
    block.in_proj_weight = take(name + "attn.in_proj_weight", {3 * width, width});
    block.in_proj_bias = take(name + "attn.in_proj_bias", {3 * width});
    block.out_proj = affine(name + "attn.out_proj", {width, width});
    block.ln_2 = affine(name + "ln_2", {width});
    block.c_fc = affine(name + "mlp.c_fc", {size.mlp_width, width});
    block.c_proj = affine(name + "mlp.c_proj", {width, size.mlp_width});
    blocks_.push_back(std::move(block));
  }
}

void Transformer::visit(const VisitParameter& visitor) {
  for (size_t layer = 0; layer < blocks_.size(); ++layer) {
    const std::string name = prefix_ + std::to_string(layer) + ".";
    Block& block = blocks_[layer];
    const auto affine = [&](const std::string& part, Affine& parameters) {
      visitor(name + part + ".weight", parameters.weight);
      visitor(name + part + ".bias", parameters.bias);
    };
    affine("ln_1", block.ln_1);
    visitor(name + "attn.in_proj_weight", block.in_proj_weight);
    visitor(name + "attn.in_proj_bias", block.in_proj_bias);
    affine("attn.out_proj", block.out_proj);
    affine("ln_2", block.ln_2);
    affine("mlp.c_fc", block.c_fc);
    affine("mlp.c_proj", block.c_proj);
  }
}

at::Tensor Transformer::forward(const at::Tensor& x_TW, const PackedOffsets& rows, const at::Tensor& last_rows_N,
                                const ForwardOptions& options) const {
  at::Tensor x = x_TW;
  for (size_t layer = 0; layer < blocks_.size(); ++layer) {
    const Block& block = blocks_[layer];
    const bool last = layer + 1 == blocks_.size();
    // By value: in the backward pass the block runs again, when the locals of this call are gone.
    const auto run = [this, &block, rows, last_rows_N, last](const at::Tensor& input) {
      return last ? last_block(block, input, rows, last_rows_N) : full_block(block, input, rows);
    };
    x = options.recompute_blocks ? recompute_in_backward(run, x) : run(x);
  }
  return x;
}

at::Tensor Transformer::forward_all(const at::Tensor& x_TW, const PackedOffsets& rows) const {
  at::Tensor x = x_TW;
  for (const Block& block : blocks_) x = full_block(block, x, rows);
  return x;
}

at::Tensor Transformer::full_block(const Block& block, const at::Tensor& x_TW, const PackedOffsets& rows) const {
  const AddedNorm in = add_layer_norm(x_TW, {}, block.ln_1.weight, block.ln_1.bias);
  const at::Tensor qkv_T3W = linear(in.normed_TW, block.in_proj_weight, block.in_proj_bias);
  return rest_of_block(block, in.sum_TW, packed_self_attention(qkv_T3W, size_.heads, rows, causal_));
}

at::Tensor Transformer::last_block(const Block& block, const at::Tensor& x_TW, const PackedOffsets& rows,
                                   const at::Tensor& last_rows_N) const {
  const int64_t width = size_.width;
  const AddedNorm in = add_layer_norm(x_TW, {}, block.ln_1.weight, block.ln_1.bias);
  const at::Tensor q_NW = linear(in.normed_TW.index_select(0, last_rows_N), block.in_proj_weight.narrow(0, 0, width), block.in_proj_bias.narrow(0, 0, width));
  const at::Tensor kv_T2W = linear(in.normed_TW, block.in_proj_weight.narrow(0, width, 2 * width), block.in_proj_bias.narrow(0, width, 2 * width));
  return rest_of_block(block, in.sum_TW.index_select(0, last_rows_N), packed_query_attention(q_NW, kv_T2W, size_.heads, rows));
}

at::Tensor Transformer::rest_of_block(const Block& block, const at::Tensor& x_TW, const at::Tensor& attended_TW) const {
  const at::Tensor delta_TW = linear(attended_TW, block.out_proj.weight, block.out_proj.bias);
  const AddedNorm y = add_layer_norm(x_TW, delta_TW, block.ln_2.weight, block.ln_2.bias);
  const at::Tensor hidden = linear(y.normed_TW, block.c_fc.weight, block.c_fc.bias);
  const at::Tensor out_TW = activation_ == Activation::kQuickGelu ? quick_gelu_linear(hidden, block.c_proj.weight, block.c_proj.bias)
                                                                  : linear(at::gelu(hidden), block.c_proj.weight, block.c_proj.bias);
  return y.sum_TW.add(out_TW);
}

}  // namespace longclip
