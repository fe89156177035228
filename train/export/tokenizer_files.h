#pragma once
// train/export/tokenizer_files.h -- CLIP's tokenizer as the files that transformers and diffusers load.

#include <cstdint>
#include <filesystem>

namespace longclip {

/// Writes vocab.json, merges.txt, special_tokens_map.json and tokenizer_config.json for CLIPTokenizer and
/// CLIPTokenizerFast; `context_length` is their model_max_length. Each file is written at once.
void write_tokenizer(const std::filesystem::path& folder, int64_t context_length);

}  // namespace longclip
