#pragma once
// tensors/legacy_pt.h -- what torch.save wrote before PyTorch 1.6, and still writes on request: pickles one after
// another (magic number, version, facts of the machine, the object, keys of storages), then the storages' raw bytes.
// Source: torch/serialization.py, _legacy_save and _legacy_load.

#include <string>

#include "base/file.h"
#include "tensors/tensor_map.h"

namespace longclip {

/// As read_pt(). Throws DataError "WHERE: ..." for a pickle that is not torch's, for views of storages (PyTorch before
/// 0.4), and for storages that leave the file or disagree with the pickle.
TensorFile read_legacy_pt(const MappedFile& file, const std::string& where, const TensorRequest& request);

}  // namespace longclip
