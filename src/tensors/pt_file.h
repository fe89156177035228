#pragma once
// tensors/pt_file.h -- the .pt files of PyTorch: torch.save (zip, and the format before 1.6) and TorchScript archives,
// without Python or the JIT.

#include <filesystem>

#include "tensors/tensor_map.h"

namespace longclip {

/// Reads every tensor of a .pt file. Names of nested dicts, lists and modules are joined with dots:
/// {"state_dict": {"proj": T}} gives "state_dict.proj". Nothing in the file is executed (tensors/pickle.h).
/// Any strided view is read; views of one storage become separate tensors.
/// Throws DataError "PATH: ..." for a damaged or hostile file, for big-endian data, for a tensor that an unknown class
/// builds (by its name), and for the tar files of PyTorch before 0.1.10.
/// Memory: the wanted tensors, and of the file no more than the largest storage at a time.
TensorFile read_pt(const std::filesystem::path& path, const TensorRequest& request = {});

/// Writes a plain dict of tensors that torch.load(path, weights_only=True) reads. All or nothing; any device and
/// strides.
void write_pt(const std::filesystem::path& path, const TensorMap& tensors);

}  // namespace longclip
