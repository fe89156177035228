#pragma once
// model/weight_names.h -- what the weights of a CLIP and of a text encoder are called: by OpenAI and by Hugging Face.
// Sources: openai/CLIP clip/model.py; huggingface/transformers models/clip/modeling_clip.py and its
// conversion script.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "model/architecture.h"
#include "tensors/tensor_map.h"

namespace longclip {

/// One tensor under both names. OpenAI's in_proj is Hugging Face's q, k and v one after another.
struct WeightName {
  std::string openai;
  std::vector<std::string> huggingface;  ///< one, or q, k, v
  bool transposed = false;               ///< the projections: OpenAI x @ W, Hugging Face x @ W.T
};

/// OpenAI name and shape of every tensor, `positional_embedding` once.
std::map<std::string, std::vector<int64_t>> weight_shapes(const Architecture& architecture);
/// Those of a text encoder alone: no logit_scale, and `text_projection` only with an embed_dim.
std::map<std::string, std::vector<int64_t>> weight_shapes(const TextArchitecture& architecture);

/// The same under Hugging Face's names, as its files have the shapes. `plain_projection`: the text projection is OpenAI's
/// `text_projection`, as in files of older programs.
std::map<std::string, std::vector<int64_t>> huggingface_shapes(const Architecture& architecture, bool plain_projection);
std::map<std::string, std::vector<int64_t>> huggingface_shapes(const TextArchitecture& architecture,
                                                               bool plain_projection);

/// Numbers of transformer blocks that the names speak of, from their largest index; either naming.
struct LayerCounts {
  int64_t vision = 0;
  int64_t text = 0;
};
LayerCounts count_layers(const TensorMap& tensors);

/// All tensors of a CLIP with these numbers of layers, or without layers.vision those of a text encoder with projection.
std::vector<WeightName> weight_names(const LayerCounts& layers);

/// One item a line for an error message, at most 100 of them.
std::string list_text(const std::vector<std::string>& items);

/// True if the names are Hugging Face's, of a CLIP or a text encoder.
bool has_huggingface_names(const TensorMap& tensors);

/// From Hugging Face names to OpenAI's: joins q, k, v, transposes the projections. Throws DataError that lists all
/// missing and all unknown names. `text_only`: of a text encoder, with or without a projection.
TensorMap to_openai_names(TensorMap huggingface, bool text_only, const std::string& where);
/// The same for those that fit; what the other throws is added to `problems`.
TensorMap to_openai_names(TensorMap huggingface, bool text_only, std::vector<std::string>& problems);
/// The other way. REQUIRES: complete OpenAI names, of a CLIP or a text encoder.
TensorMap to_huggingface_names(const TensorMap& openai);

/// Upstream's two tables: `positional_embedding` (frozen) holds in rows 0..keep-1, `positional_embedding_res` (trained)
/// in the others. Leaves one `positional_embedding`; true if there were two. Upstream masks at row 20
/// (model/longclip.py). Throws DataError if their shapes differ or they have no more than 20 rows.
bool fold_two_tables(TensorMap& openai, const std::string& where);

}  // namespace longclip
