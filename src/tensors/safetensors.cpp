// tensors/safetensors.cpp -- checks the header as the reference library does, then copies.
#include "tensors/safetensors.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "tensors/atomic_output.h"
#include "tensors/shape.h"

namespace longclip {
namespace {

static_assert(std::endian::native == std::endian::little, "tensor files are little-endian");

constexpr uint64_t kLengthSize = 8;
constexpr uint64_t kMaxHeader = 100'000'000;  // as the reference library
constexpr size_t kMaxDimensions = 64;
constexpr uint64_t kReleasedSize = uint64_t{1} << 20;  // pages of larger tensors are let go of at once
constexpr const char* kMetadata = "__metadata__";

struct Type {
  std::string_view name;
  at::ScalarType dtype;
};
/// In the order of the reference library's enumeration; it writes tensors by falling type.
constexpr std::array<Type, 10> kTypes{{{"BOOL", at::kBool},
                                       {"U8", at::kByte},
                                       {"I8", at::kChar},
                                       {"I16", at::kShort},
                                       {"F16", at::kHalf},
                                       {"BF16", at::kBFloat16},
                                       {"I32", at::kInt},
                                       {"F32", at::kFloat},
                                       {"F64", at::kDouble},
                                       {"I64", at::kLong}}};

/// One tensor of the header, checked against nothing but itself.
struct Entry {
  std::string name;
  at::ScalarType dtype = at::kFloat;
  std::vector<int64_t> sizes;
  uint64_t begin = 0;
  uint64_t end = 0;
};

class Reader {
 public:
  explicit Reader(const std::filesystem::path& path) : path_(path.string()), file_(path) {}

  TensorFile read(const TensorRequest& request) {
    const Json header = read_header();
    TensorFile result{.tensors = {}, .metadata = {}, .format = "safetensors", .ignored = {}};
    std::vector<Entry> entries;
    for (const auto& [name, value] : header.items()) {
      if (name == kMetadata)
        result.metadata = read_metadata(value);
      else
        entries.push_back(read_entry(name, value));
    }
    check_layout(entries);
    for (const Entry& entry : entries) {
      if (request.wanted && !request.wanted(entry.name)) continue;
      const auto on_meta = at::TensorOptions(entry.dtype).device(at::kMeta);
      result.tensors.emplace(entry.name, request.values ? copy(entry) : at::empty(entry.sizes, on_meta));
    }
    return result;
  }

 private:
  Json read_header() {
    const auto bytes = file_.bytes();
    require<DataError>(bytes.size() >= kLengthSize, "{}: not a safetensors file: only {} bytes", path_, bytes.size());
    uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof length);
    const std::string_view start(reinterpret_cast<const char*>(bytes.data()), std::min<size_t>(bytes.size(), 32));
    require<DataError>(!start.starts_with("version https://git-lfs"),
                       "{}: only a Git LFS pointer, not the file itself; fetch it with `git lfs pull`", path_);
    require<DataError>(length <= kMaxHeader && length <= bytes.size() - kLengthSize,
                       "{}: not a safetensors file, or cut off: a header of {} bytes in a file of {}", path_, length,
                       bytes.size());
    data_ = bytes.subspan(kLengthSize + length);
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + kLengthSize, length);
    require<DataError>(text.starts_with('{'), "{}: the safetensors header does not begin with '{{'", path_);
    return parse_json(text, path_ + ": safetensors header");
  }

  std::map<std::string, std::string> read_metadata(const Json& value) const {
    std::map<std::string, std::string> metadata;
    require<DataError>(value.is_object() || value.is_null(), "{}: {} must be an object of texts", path_, kMetadata);
    for (const auto& [key, text] : value.items()) {
      require<DataError>(text.is_string(), "{}: {} '{}' must be text", path_, kMetadata, key);
      metadata.emplace(key, text.get<std::string>());
    }
    return metadata;
  }

  const Json& member(const Json& value, const std::string& name, const char* key) const {
    const bool found = value.is_object() && value.contains(key);
    require<DataError>(found, "{}: tensor '{}' has no {}", path_, name, key);
    return value.at(key);
  }

  std::vector<uint64_t> numbers(const Json& value, const std::string& name, const char* key) const {
    require<DataError>(value.is_array() && value.size() <= kMaxDimensions,
                       "{}: tensor '{}': {} must be a list of at most {} numbers", path_, name, key, kMaxDimensions);
    std::vector<uint64_t> result;
    for (const Json& number : value) {
      require<DataError>(number.is_number_unsigned(), "{}: tensor '{}': {} must hold whole numbers from 0", path_, name,
                         key);
      result.push_back(number.get<uint64_t>());
    }
    return result;
  }

  Entry read_entry(const std::string& name, const Json& value) const {
    Entry entry{
        .name = name, .dtype = read_type(member(value, name, "dtype"), name), .sizes = {}, .begin = 0, .end = 0};
    int64_t bound = static_cast<int64_t>(
        c10::elementSize(entry.dtype));  // bytes with a size of 0 counted as 1: no product overflows
    bool empty = false;
    for (const uint64_t size : numbers(member(value, name, "shape"), name, "shape")) {
      empty |= size == 0;
      require<DataError>(
          size <= INT64_MAX && !__builtin_mul_overflow(bound, std::max<int64_t>(static_cast<int64_t>(size), 1), &bound),
          "{}: tensor '{}': the shape overflows", path_, name);
      entry.sizes.push_back(static_cast<int64_t>(size));
    }
    const std::vector<uint64_t> offsets = numbers(member(value, name, "data_offsets"), name, "data_offsets");
    require<DataError>(offsets.size() == 2 && offsets[0] <= offsets[1] && offsets[1] <= data_.size(),
                       "{}: tensor '{}': the data lies outside the file, which was cut off or is broken", path_, name);
    entry.begin = offsets[0];
    entry.end = offsets[1];
    const uint64_t wanted = empty ? 0 : static_cast<uint64_t>(bound);
    require<DataError>(entry.end - entry.begin == wanted, "{}: tensor '{}': {} bytes of data, shape {} needs {}", path_,
                       name, entry.end - entry.begin, shape_text(entry.sizes), wanted);
    return entry;
  }

  at::ScalarType read_type(const Json& value, const std::string& name) const {
    require<DataError>(value.is_string(), "{}: tensor '{}': dtype must be text", path_, name);
    for (const Type& type : kTypes) {
      if (value == type.name) return type.dtype;
    }
    fail<DataError>("{}: tensor '{}' has the unknown type {}", path_, name, to_json_line(value));
  }

  void check_layout(std::vector<Entry>& entries) const {
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
    uint64_t end = 0;
    for (const Entry& entry : entries) {
      require<DataError>(entry.begin >= end, "{}: the data of tensor '{}' overlaps that of another", path_, entry.name);
      require<DataError>(entry.begin == end, "{}: {} bytes before the data of tensor '{}' belong to none", path_,
                         entry.begin - end, entry.name);
      end = entry.end;
    }
    require<DataError>(end == data_.size(), "{}: {} bytes at the end belong to no tensor", path_, data_.size() - end);
  }

  at::Tensor copy(const Entry& entry) const {
    at::Tensor tensor = at::empty(entry.sizes, entry.dtype);
    if (entry.end > entry.begin) std::memcpy(tensor.data_ptr(), data_.data() + entry.begin, entry.end - entry.begin);
    if (entry.end - entry.begin >= kReleasedSize) file_.release_pages();
    return entry.dtype == at::kBool ? tensor.view(at::kByte).ne(0)
                                    : tensor;  // bytes other than 0 and 1 are no valid bool
  }

  std::string path_;
  MappedFile file_;
  std::span<const uint8_t> data_;
};

size_t type_index(const at::Tensor& tensor, const std::string& name) {
  for (size_t i = 0; i < kTypes.size(); ++i) {
    if (kTypes[i].dtype == tensor.scalar_type()) return i;
  }
  fail<std::runtime_error>("tensor '{}' has a type that safetensors cannot hold", name);
}

using NamedTensor = std::pair<std::string, at::Tensor>;

std::string make_header(const std::vector<NamedTensor>& sorted, const std::map<std::string, std::string>& metadata) {
  Json header;
  for (const auto& [key, value] : metadata) header[kMetadata][key] = value;
  header[kMetadata]["format"] = "pt";
  uint64_t offset = 0;
  for (const auto& [name, tensor] : sorted) {
    const uint64_t end = offset + static_cast<uint64_t>(tensor.numel()) * tensor.element_size();
    header[name] = {{"dtype", kTypes[type_index(tensor, name)].name},
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
  return Reader(path).read(request);
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
