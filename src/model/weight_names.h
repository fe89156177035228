#pragma once
// model/weight_names.h -- what the weights of a CLIP are called: by OpenAI, by Hugging Face, and inside training
// wrappers. Sources: openai/CLIP clip/model.py; huggingface/transformers models/clip/modeling_clip.py and its
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

/// All tensors of a CLIP with these numbers of layers.
std::vector<WeightName> weight_names(int64_t vision_layers, int64_t text_layers);

/// OpenAI name and shape of every tensor, `positional_embedding` once.
std::map<std::string, std::vector<int64_t>> weight_shapes(const Architecture& architecture);

/// Numbers of transformer blocks that the names speak of, from their largest index; either naming.
struct LayerCounts {
  int64_t vision = 0;
  int64_t text = 0;
};
LayerCounts count_layers(const TensorMap& tensors);

/// One item a line for an error message, at most 100 of them.
std::string list_text(const std::vector<std::string>& items);

/// True if the names are Hugging Face's.
bool has_huggingface_names(const TensorMap& tensors);

/// Takes the CLIP weights out of what a training program saved: removes `module.` and `_orig_mod.` wherever they stand,
/// finds the entry that holds the weights (`state_dict`, `model`, ... or none) and drops everything beside it and all
/// buffers. What was used and what was left out goes to `notes`. logit_scale of one element becomes a scalar.
/// Throws DataError "WHERE: ..." if there are no CLIP weights or more than one set of them.
TensorMap find_clip_weights(TensorMap tensors, const std::string& where, std::vector<std::string>& notes);

/// From Hugging Face names to OpenAI's: joins q, k, v, transposes the projections. Throws DataError that lists all
/// missing and all unknown names.
TensorMap to_openai_names(TensorMap huggingface, const std::string& where);
/// The other way. REQUIRES: complete OpenAI names.
TensorMap to_huggingface_names(const TensorMap& openai);

/// Upstream's two tables: `positional_embedding` (frozen) holds in rows 0..keep-1, `positional_embedding_res` (trained)
/// in the others. Leaves one `positional_embedding`; true if there were two. Upstream masks at row 20
/// (model/longclip.py). Throws DataError if their shapes differ or they have no more than 20 rows.
bool fold_two_tables(TensorMap& openai, const std::string& where);

}  // namespace longclip
