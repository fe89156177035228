// model/text_tower.cpp -- see model/text_tower.h
#include "model/text_tower.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>

namespace longclip {

TextTower::TextTower(const Architecture& architecture, const TakeWeight& take)
    : architecture_(architecture),
      token_embedding_(take("token_embedding.weight", {architecture.vocabulary_size, architecture.text.width})),
      ln_final_{take("ln_final.weight", {architecture.text.width}), take("ln_final.bias", {architecture.text.width})},
      text_projection_(take("text_projection", {architecture.text.width, architecture.embed_dim})),
      transformer_(architecture.text, architecture.activation, /*causal=*/true, "transformer.", take) {
  const at::Tensor table = take("positional_embedding", {architecture.context_length, architecture.text.width});
  const int64_t keep = architecture.kept_positions();
  kept_positions_ = table.narrow(0, 0, keep).clone();
  trained_positions_ = table.narrow(0, keep, architecture.context_length - keep).clone();
}

void TextTower::visit(const VisitParameter& visitor) {
  visitor("token_embedding.weight", token_embedding_);
  visitor("positional_embedding", trained_positions_);
  transformer_.visit(visitor);
  visitor("ln_final.weight", ln_final_.weight);
  visitor("ln_final.bias", ln_final_.bias);
  visitor("text_projection", text_projection_);
}

at::Tensor TextTower::position_table() const { return at::cat({kept_positions_, trained_positions_}, 0); }

void TextTower::to(at::Device device, at::ScalarType dtype) { kept_positions_ = kept_positions_.to(device, dtype); }

at::Tensor TextTower::embed(const PackedTexts& texts, const ForwardOptions& options) const {
  const at::Tensor positions_TW = position_table().index_select(0, texts.positions_T);
  return at::embedding(token_embedding_, texts.ids_T).add(positions_TW).to(options.compute_dtype);
}

at::Tensor TextTower::project(const at::Tensor& rows_NW) const { return rows_NW.matmul(text_projection_.to(rows_NW.scalar_type())); }

at::Tensor TextTower::forward(const PackedTexts& texts, const ForwardOptions& options) const {
  const at::Tensor eot_NW = transformer_.forward(embed(texts, options), texts.rows, texts.eot_rows_N, options);
  return project(layer_norm(eot_NW, ln_final_));
}

at::Tensor TextTower::forward_tokens(const PackedTexts& texts, const ForwardOptions& options) const {
  return layer_norm(transformer_.forward_all(embed(texts, options), texts.rows), ln_final_);
}

}  // namespace longclip
