#pragma once
// tensors/pickle_tensors.h -- from the values of a torch pickle and the bytes of its storages to named tensors.

#include <ATen/core/Tensor.h>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "tensors/pickle.h"
#include "tensors/tensor_map.h"

namespace longclip {

/// Where a file keeps the storages that its pickle names.
struct PickledStorages {
  std::string path;
  uint64_t file_size = 0;  ///< bounds what the tensors may need: 8 times as much, and 64 MiB for their names
  std::function<std::span<const uint8_t>(const std::string& key)> bytes_of;  ///< may be longer than is needed
  std::function<void()> release_pages;  ///< called after a large storage was copied
};

/// Makes a tensor of each that has a name: keys of nested dicts, indices of lists and attributes of modules, joined with
/// dots. `format` is left empty. Throws DataError "PATH: ...".
TensorFile collect_tensors(const Pickle& pickle, const PickledStorages& storages, const TensorRequest& request);

/// "FloatStorage" -> float32; nothing for a class that is not known.
std::optional<at::ScalarType> dtype_of_storage(std::string_view storage_type);
/// The other way. Throws std::runtime_error for a type that no .pt file holds.
std::string storage_of_dtype(at::ScalarType dtype, const std::string& name);

}  // namespace longclip
