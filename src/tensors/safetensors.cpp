// tensors/safetensors.cpp -- copies what the header promises.
#include "tensors/safetensors.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "tensors/atomic_output.h"
#include "tensors/safetensors_header.h"

namespace longclip {
namespace {

static_assert(std::endian::native == std::endian::little, "tensor files are little-endian");

/// In the order of kSafetensorsTypes.
constexpr std::array<at::ScalarType, kSafetensorsTypes.size()> kTypes{
    at::kBool,     at::kByte, at::kChar,  at::kShort,  at::kHalf,
    at::kBFloat16, at::kInt,  at::kFloat, at::kDouble, at::kLong};

constexpr uint64_t kReleasedSize = uint64_t{1} << 20;  // pages of larger tensors are let go of at once

at::Tensor copy(const SafetensorsEntry& entry, const SafetensorsHeader& header, const MappedFile& file) {
  at::Tensor tensor = at::empty(entry.sizes, kTypes[entry.type]);
  const uint64_t num_bytes = entry.end - entry.begin;
  if (num_bytes > 0) std::memcpy(tensor.data_ptr(), header.data.data() + entry.begin, num_bytes);
  if (num_bytes >= kReleasedSize) file.release_pages();
  return kTypes[entry.type] == at::kBool ? tensor.view(at::kByte).ne(0)
                                         : tensor;  // bytes other than 0 and 1 are no valid bool
}

size_t type_index(const at::Tensor& tensor, const std::string& name) {
  const auto found = std::find(kTypes.begin(), kTypes.end(), tensor.scalar_type());
  if (found != kTypes.end()) return static_cast<size_t>(found - kTypes.begin());
  fail<std::runtime_error>("tensor '{}' has a type that safetensors cannot hold", name);
}

using NamedTensor = std::pair<std::string, at::Tensor>;

std::string make_header(const std::vector<NamedTensor>& sorted, const std::map<std::string, std::string>& metadata) {
  Json header;
  for (const auto& [key, value] : metadata) header[kSafetensorsMetadata][key] = value;
  header[kSafetensorsMetadata]["format"] = "pt";
  uint64_t offset = 0;
  for (const auto& [name, tensor] : sorted) {
    const uint64_t end = offset + static_cast<uint64_t>(tensor.numel()) * tensor.element_size();
    header[name] = {{"dtype", kSafetensorsTypes[type_index(tensor, name)].name},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

}  // namespace

TensorFile read_safetensors(const std::filesystem::path& path, const TensorRequest& request) {
  const MappedFile file(path);
  const SafetensorsHeader header = read_safetensors_header(file.bytes(), path.string());
  TensorFile result{.tensors = {}, .metadata = header.metadata, .format = "safetensors", .ignored = {}};
  for (const SafetensorsEntry& entry : header.entries) {
    if (request.wanted && !request.wanted(entry.name)) continue;
    const auto on_meta = at::TensorOptions(kTypes[entry.type]).device(at::kMeta);
    result.tensors.emplace(entry.name, request.values ? copy(entry, header, file) : at::empty(entry.sizes, on_meta));
  }
  return result;
}

void write_safetensors(const std::filesystem::path& path, const TensorMap& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<NamedTensor> sorted(tensors.begin(), tensors.end());  // by name; the sort by type is stable
  std::stable_sort(sorted.begin(), sorted.end(), [](const NamedTensor& a, const NamedTensor& b) {
    return type_index(a.second, a.first) > type_index(b.second, b.first);
  });
  const std::string header = make_header(sorted, metadata);
  const uint64_t length = header.size();
  AtomicOutput output(path);
  output.write(&length, sizeof length);
  output.write(header.data(), header.size());
  for (const auto& [name, tensor] : sorted) {
    const at::Tensor bytes = tensor.detach().cpu().contiguous();
    output.write(bytes.const_data_ptr(), bytes.nbytes());
  }
  output.commit();
}

}  // namespace longclip
