// tensors/safetensors_header.cpp -- checks the header as the reference library does.
#include "tensors/safetensors_header.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/json.h"

namespace longclip {
namespace {

using Entry = SafetensorsEntry;

constexpr uint64_t kLengthSize = 8;
constexpr uint64_t kMaxHeader = 100'000'000;  // as the reference library
constexpr size_t kMaxDimensions = 64;
constexpr size_t kMaxNameLength = 1024;

class HeaderReader {
 public:
  HeaderReader(std::span<const uint8_t> file, const std::string& path) : path_(path), file_(file) {}

  SafetensorsHeader read() {
    const Json header = read_header();
    SafetensorsHeader result{.metadata = {}, .entries = {}, .data = data_};
    for (const auto& [name, value] : header.items()) {
      if (name == kSafetensorsMetadata)
        result.metadata = read_metadata(value);
      else
        result.entries.push_back(read_entry(name, value));
    }
    check_layout(result.entries);
    return result;
  }

 private:
  Json read_header() {
    require<DataError>(file_.size() >= kLengthSize, "{}: not a safetensors file: only {} bytes", path_, file_.size());
    uint64_t length = 0;
    std::memcpy(&length, file_.data(), sizeof length);
    const std::string_view start(reinterpret_cast<const char*>(file_.data()), std::min<size_t>(file_.size(), 32));
    require<DataError>(!start.starts_with("version https://git-lfs"),
                       "{}: only a Git LFS pointer, not the file itself; fetch it with `git lfs pull`", path_);
    require<DataError>(length <= kMaxHeader && length <= file_.size() - kLengthSize,
                       "{}: not a safetensors file, or cut off: a header of {} bytes in a file of {}", path_, length,
                       file_.size());
    data_ = file_.subspan(kLengthSize + length);
    const std::string_view text(reinterpret_cast<const char*>(file_.data()) + kLengthSize, length);
    require<DataError>(text.starts_with('{'), "{}: the safetensors header does not begin with '{{'", path_);
    return parse_json(text, path_ + ": safetensors header", {.max_values = kMaxCheckpointValues});
  }

  std::map<std::string, std::string> read_metadata(const Json& value) const {
    std::map<std::string, std::string> metadata;
    require<DataError>(value.is_object() || value.is_null(), "{}: {} must be an object of texts", path_,
                       kSafetensorsMetadata);
    for (const auto& [key, text] : value.items()) {
      require<DataError>(text.is_string(), "{}: {} '{}' must be text", path_, kSafetensorsMetadata, key);
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
    require<DataError>(name.size() <= kMaxNameLength, "{}: a tensor has a name of more than {} bytes", path_, kMaxNameLength);
    Entry entry{
        .name = name, .type = read_type(member(value, name, "dtype"), name), .sizes = {}, .begin = 0, .end = 0};
    int64_t bound = kSafetensorsTypes[entry.type].size;  // bytes with a size of 0 counted as 1: no product overflows
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
    require<DataError>(entry.end - entry.begin == wanted, "{}: tensor '{}': {} bytes of data, shape [{}] needs {}", path_,
                       name, entry.end - entry.begin, fmt::join(entry.sizes, ", "), wanted);
    return entry;
  }

  size_t read_type(const Json& value, const std::string& name) const {
    require<DataError>(value.is_string(), "{}: tensor '{}': dtype must be text", path_, name);
    for (size_t i = 0; i < kSafetensorsTypes.size(); ++i) {
      if (value == kSafetensorsTypes[i].name) return i;
    }
    fail<DataError>("{}: tensor '{}' has the unknown type {}", path_, name, to_json_line(value.get_ref<const std::string&>().substr(0, 100)));
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

  const std::string& path_;
  std::span<const uint8_t> file_;
  std::span<const uint8_t> data_;
};

}  // namespace

SafetensorsHeader read_safetensors_header(std::span<const uint8_t> file, const std::string& path) {
  return HeaderReader(file, path).read();
}

}  // namespace longclip
