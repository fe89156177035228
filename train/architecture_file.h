#pragma once
// train/architecture_file.h -- an architecture written by hand as YAML, for `longclip init --arch FILE.yaml`.

#include <filesystem>

#include "model/architecture.h"

namespace longclip {

/// Reads the keys of model.json (without `stretch`): image_size, patch_size, vision and text (width, layers, heads, mlp_width),
/// embed_dim, and optionally context_length, vocabulary_size, eos_id, hidden_act. Throws ConfigError with file:line:column.
Architecture load_architecture(const std::filesystem::path& file);

}  // namespace longclip
