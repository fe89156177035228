// tensors/safetensors.cpp -- copies what the header promises.
#include "tensors/safetensors.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <vector>

#include "base/file.h"
#include "tensors/safetensors_dtypes.h"
#include "tensors/safetensors_stream.h"

namespace longclip {
namespace {

static_assert(std::endian::native == std::endian::little, "tensor files are little-endian");

constexpr uint64_t kReleasedSize = uint64_t{1} << 20;  // pages of larger tensors are let go of at once

at::Tensor copy(const SafetensorsEntry& entry, const SafetensorsHeader& header, const MappedFile& file) {
  at::Tensor tensor = at::empty(entry.sizes, kSafetensorsDtypes[entry.type]);
  const uint64_t num_bytes = entry.end - entry.begin;
  if (num_bytes > 0) std::memcpy(tensor.data_ptr(), header.data.data() + entry.begin, num_bytes);
  if (num_bytes >= kReleasedSize) file.release_pages();
  return kSafetensorsDtypes[entry.type] == at::kBool ? tensor.view(at::kByte).ne(0)
                                         : tensor;  // bytes other than 0 and 1 are no valid bool
}

}  // namespace

TensorFile read_safetensors(const std::filesystem::path& path, const TensorRequest& request) {
  const MappedFile file(path);
  const SafetensorsHeader header = read_safetensors_header(file.bytes(), path.string());
  TensorFile result{.tensors = {}, .metadata = header.metadata, .format = "safetensors", .ignored = {}};
  for (const SafetensorsEntry& entry : header.entries) {
    if (request.wanted && !request.wanted(entry.name)) continue;
    const auto on_meta = at::TensorOptions(kSafetensorsDtypes[entry.type]).device(at::kMeta);
    result.tensors.emplace(entry.name, request.values ? copy(entry, header, file) : at::empty(entry.sizes, on_meta));
  }
  return result;
}

void write_safetensors(const std::filesystem::path& path, const TensorMap& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<DeclaredTensor> sorted;  // by name; the sort by type is stable
  for (const auto& [name, tensor] : tensors) sorted.push_back({name, tensor.scalar_type(), tensor.sizes().vec()});
  std::ranges::stable_sort(sorted, std::greater(), [](const DeclaredTensor& tensor) { return safetensors_type(tensor.dtype, tensor.name); });
  SafetensorsStream stream(path, sorted, metadata);
  for (const DeclaredTensor& tensor : sorted) stream.append(tensors.at(tensor.name));
  stream.commit();
}

}  // namespace longclip
