// tensors/tensor_file.cpp -- looks at the first bytes.
#include "tensors/tensor_file.h"

#include <algorithm>
#include <string_view>

#include "base/file.h"
#include "tensors/pt_file.h"
#include "tensors/safetensors.h"

namespace longclip {

TensorFile read_tensor_file(const std::filesystem::path& path, const TensorRequest& request) {
  bool is_pt = false;
  {
    const MappedFile file(path);
    const auto bytes = file.bytes();
    const std::string_view start(reinterpret_cast<const char*>(bytes.data()), std::min<size_t>(bytes.size(), 9));
    // "PK": a zip file. 0x80: a pickle, unless it is the length of a safetensors header, which '{' follows.
    is_pt = start.starts_with("PK") || (start.starts_with('\x80') && !(start.size() == 9 && start[8] == '{'));
  }
  return is_pt ? read_pt(path, request) : read_safetensors(path, request);
}

}  // namespace longclip
