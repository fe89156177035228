#pragma once
// tensors/shard_index.h -- the index of a checkpoint in several files ("model.safetensors.index.json"), without LibTorch.
// Written by: huggingface/transformers, modeling_utils.py, {"metadata": ..., "weight_map": {TENSOR: FILE}}.

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace longclip {

/// The files, each with the tensors that lie in it. `path` is for errors. Throws DataError "PATH: ..." if there is no
/// weight_map or a file in it is not a plain file name: an index leads nowhere out of its folder.
std::map<std::string, std::vector<std::string>> parse_shard_index(std::string_view text, const std::string& path);

}  // namespace longclip
