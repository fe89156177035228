#pragma once
// train/export/hf_export.h -- a folder that Hugging Face's CLIPModel, CLIPTextModel and CLIPTokenizer load as it is.

#include <string>
#include <vector>

#include "train/export/export_options.h"

namespace longclip {

/// Writes config.json, model.safetensors, preprocessor_config.json and, for CLIP's vocabulary, vocab.json, merges.txt,
/// tokenizer_config.json, special_tokens_map.json. The stretched length stands where users otherwise have to set it:
/// max_position_embeddings and model_max_length. Returns what the user should know, one sentence each.
/// Each file is written at once, config.json last, without which a folder is no model. Throws InputError if `out`
/// exists, unless options.overwrite.
std::vector<std::string> export_hf(const ClipWeights& weights, const std::filesystem::path& out,
                                   const ExportOptions& options);

}  // namespace longclip
