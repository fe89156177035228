#pragma once
// tensors/tensor_map.h -- named tensors, as a checkpoint file holds them.

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

namespace longclip {

/// Tensors by name, in name order.
using TensorMap = std::map<std::string, at::Tensor>;

/// What a tensor file holds.
struct TensorFile {
  TensorMap tensors;
  std::map<std::string, std::string> metadata;  ///< safetensors `__metadata__`; empty for other formats
};

}  // namespace longclip
