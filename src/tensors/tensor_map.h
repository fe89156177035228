#pragma once
// tensors/tensor_map.h -- named tensors, as a checkpoint file holds them.

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace longclip {

/// Tensors by name, in name order.
using TensorMap = std::map<std::string, at::Tensor>;

/// What of a tensor file is wanted.
struct TensorRequest {
  bool values = true;  ///< false: names, types and shapes alone, as tensors on the meta device; no data is read
  std::function<bool(const std::string& name)> wanted = {};  ///< empty: every tensor; the others are not read
};

/// What a tensor file holds. The tensors are contiguous, on the CPU, and own their memory.
struct TensorFile {
  TensorMap tensors = {};
  std::map<std::string, std::string> metadata = {};  ///< safetensors `__metadata__`; empty for other formats
  std::string format = {};                           ///< "safetensors", "torch.save" or "TorchScript"
  std::vector<std::string> ignored = {};  ///< what else the file holds: entries without tensors, objects left inert
};

}  // namespace longclip
