// tensors/tensor_file.cpp -- looks at the first bytes: a zip file, a pickle, a tar file, or else safetensors.
#include "tensors/tensor_file.h"

#include <algorithm>
#include <string_view>

#include "base/file.h"
#include "tensors/pt_file.h"
#include "tensors/safetensors.h"

namespace longclip {
namespace {

constexpr size_t kLengthSize = 8;  // of safetensors
constexpr size_t kTarEnd = 262;    // of the mark in a tar file: PyTorch's oldest format

}  // namespace

TensorFile read_tensor_file(const std::filesystem::path& path, const TensorRequest& request) {
  bool is_pt = false;
  {
    const MappedFile file(path);
    const auto bytes = file.bytes();
    const std::string_view start(reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), kTarEnd));
    const bool is_json = start.size() > kLengthSize && start[kLengthSize] == '{';  // behind the length of a header
    is_pt = !is_json && (start.starts_with("PK") || start.starts_with('\x80') || start.ends_with("ustar"));
  }
  return is_pt ? read_pt(path, request) : read_safetensors(path, request);
}

}  // namespace longclip
