#pragma once
// tensors/tensor_file.h -- any file of named tensors, told apart by its content and not by its name.

#include <filesystem>

#include "tensors/tensor_map.h"

namespace longclip {

/// Reads a safetensors, torch.save or TorchScript file. Throws DataError naming the file and the cause.
TensorFile read_tensor_file(const std::filesystem::path& path, const TensorRequest& request = {});

}  // namespace longclip
