// tensors/pickle_tensors.cpp -- see tensors/pickle_tensors.h
#include "tensors/pickle_tensors.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"

namespace longclip {
namespace {

using Kind = PickleValue::Kind;

constexpr int kMaxDepth = 64;
constexpr size_t kMaxVisits = 2'000'000;
constexpr size_t kMaxTensors = 200'000;
constexpr size_t kMaxNameLength = 1024;
/// Tensors may share storages, so a small file can describe much; but not more than this many times its own size.
constexpr uint64_t kMaxExpansion = 8;
/// An empty tensor costs memory too, and who reads it copies its name. So a small file has room for about 120,000.
constexpr uint64_t kTensorBytes = 512;
constexpr uint64_t kNameCopies = 4;
constexpr uint64_t kFreeBytes = uint64_t{64} << 20;
constexpr size_t kMaxIgnored = 100;
constexpr size_t kShownBytes = 200;  // of a key that is ignored
constexpr size_t kReleasedSize = size_t{1} << 20;  // pages of larger storages are let go of at once

struct StorageType {
  std::string_view name;
  at::ScalarType dtype;
};
constexpr std::array<StorageType, 10> kStorageTypes{{{"DoubleStorage", at::kDouble},
                                                     {"FloatStorage", at::kFloat},
                                                     {"HalfStorage", at::kHalf},
                                                     {"BFloat16Storage", at::kBFloat16},
                                                     {"LongStorage", at::kLong},
                                                     {"IntStorage", at::kInt},
                                                     {"ShortStorage", at::kShort},
                                                     {"CharStorage", at::kChar},
                                                     {"ByteStorage", at::kByte},
                                                     {"BoolStorage", at::kBool}}};

/// Walks the values of a pickle and makes a tensor of each that has a name.
class TensorCollector {
 public:
  TensorCollector(const PickledStorages& storages, const TensorRequest& request)
      : source_(storages), request_(request) {}

  TensorFile collect(const Pickle& pickle) {
    visit(pickle.root(), "", 0);
    for (const auto& [key, value] : pickle.root().entries) {
      if (key->kind != Kind::kText || holds_tensor(key->text)) continue;
      ignore("entry '" + std::string(key->text.substr(0, kShownBytes)) + "'");
    }
    if (num_more_ignored_ > 0) file_.ignored.push_back(fmt::format("and {} more entries", num_more_ignored_));
    for (const std::string& name : pickle.inert_globals()) file_.ignored.push_back("objects of " + name);
    return std::move(file_);
  }

 private:
  /// Each once, and no more than can be read.
  void ignore(std::string what) {
    if (ignored_.contains(what)) return;
    if (ignored_.size() == kMaxIgnored) {
      ++num_more_ignored_;
      return;
    }
    file_.ignored.push_back(what);
    ignored_.insert(std::move(what));
  }

  bool holds_tensor(std::string_view key) const {
    if (key.size() > kMaxNameLength) return false;
    const std::string name(key);
    if (file_.tensors.contains(name)) return true;
    const auto next = file_.tensors.lower_bound(name + ".");
    return next != file_.tensors.end() && next->first.starts_with(name + ".");
  }

  void visit(const PickleValue& value, const std::string& name, int depth) {
    require<DataError>(depth <= kMaxDepth, "{}: values are nested deeper than {}, or contain themselves", source_.path,
                       kMaxDepth);
    require<DataError>(++visits_ <= kMaxVisits, "{}: more than {} values", source_.path, kMaxVisits);
    require<DataError>(name.size() <= kMaxNameLength, "{}: a tensor has a name of more than {} bytes", source_.path,
                       kMaxNameLength);
    if (value.kind == Kind::kTensor) add(value, name);
    if (value.kind == Kind::kObject) visit_object(value, name, depth);
    for (size_t i = 0; i < value.items.size(); ++i) visit(*value.items[i], join(name, std::to_string(i)), depth + 1);
    for (const auto& [key, entry] : value.entries) visit_entry(*key, *entry, name, depth);
  }

  void visit_entry(const PickleValue& key, const PickleValue& entry, const std::string& name, int depth) {
    if (key.kind == Kind::kText)
      visit(entry, join(name, std::string(key.text.substr(0, kMaxNameLength + 1))), depth + 1);
    if (key.kind == Kind::kInt) visit(entry, join(name, std::to_string(key.integer)), depth + 1);
  }

  void visit_object(const PickleValue& object, const std::string& name, int depth) {
    require<DataError>(!names_tensor(*object.arguments, 0),
                       "{}: tensor '{}' is built by {}, which this reader does not know and does not run; "
                       "save a plain state_dict in Python",
                       source_.path, name, object.text);
    if (object.state == nullptr) return;
    for (const auto& [key, entry] : object.state->entries) {
      // A whole module that was pickled keeps its tensors in these attributes, which are no part of the names.
      const bool inner = key->text == "_parameters" || key->text == "_buffers" || key->text == "_modules";
      if (inner)
        visit(*entry, name, depth + 1);
      else
        visit_entry(*key, *entry, name, depth);
    }
  }

  /// True if a tensor or storage is among the values, also inside lists (sparse tensors: two levels).
  bool names_tensor(const PickleValue& values, int depth) {
    require<DataError>(++visits_ <= kMaxVisits, "{}: more than {} values", source_.path, kMaxVisits);
    const bool found = values.kind == Kind::kTensor || values.kind == Kind::kStorage;
    return found || (depth < 3 && std::any_of(values.items.begin(), values.items.end(),
                                              [&](const PickleValue* item) { return names_tensor(*item, depth + 1); }));
  }

  static std::string join(const std::string& name, const std::string& last) {
    return name.empty() ? last : name + "." + last;
  }

  void add(const PickleValue& value, const std::string& name) {
    require<DataError>(is_valid_utf8(name), "{}: the name of a tensor is not UTF-8", source_.path);
    if (request_.wanted && !request_.wanted(name)) return;
    require<DataError>(file_.tensors.size() < kMaxTensors, "{}: more than {} tensors", source_.path, kMaxTensors);
    named_bytes_ += kTensorBytes + kNameCopies * name.size();
    require<DataError>(named_bytes_ <= kFreeBytes + kMaxExpansion * source_.file_size,
                       "{}: {} tensors and their names are too many for a file of {} bytes", source_.path,
                       file_.tensors.size() + 1, source_.file_size);
    at::Tensor tensor = materialise(*value.tensor, name);
    require<DataError>(file_.tensors.emplace(name, std::move(tensor)).second, "{}: two tensors are named '{}'",
                       source_.path, name);
  }

  at::Tensor materialise(const PickleTensor& view, const std::string& name) {
    const PickleValue& storage = *view.storage;
    const at::ScalarType dtype = dtype_of(storage, name);
    const size_t item_size = c10::elementSize(dtype);
    const uint64_t most = kMaxExpansion * source_.file_size;
    const bool bounded = static_cast<uint64_t>(view.num_elements) <= (most - total_bytes_) / item_size;
    require<DataError>(bounded, "{}: tensor '{}' would make more than {} times the size of the file", source_.path,
                       name, kMaxExpansion);
    total_bytes_ += static_cast<uint64_t>(view.num_elements) * item_size;
    if (!request_.values) return at::empty(view.sizes, at::TensorOptions(dtype).device(at::kMeta));
    const std::span<const uint8_t> bytes = storage_bytes(storage, item_size);
    at::Tensor tensor = at::empty(view.sizes, dtype);
    if (view.num_elements == 0) return tensor;
    copy_view(view, bytes.data(), item_size, static_cast<uint8_t*>(tensor.data_ptr()));
    if (bytes.size() >= kReleasedSize) source_.release_pages();
    return dtype == at::kBool ? tensor.view(at::kByte).ne(0) : tensor;  // bytes other than 0 and 1 are no valid bool
  }

  /// Copies the elements of a view in row-major order: whole runs of the contiguous tail at once.
  static void copy_view(const PickleTensor& view, const uint8_t* source, size_t item_size, uint8_t* target) {
    size_t outer = view.sizes.size();
    int64_t run = 1;  // elements
    while (outer > 0 && (view.strides[outer - 1] == run || view.sizes[outer - 1] == 1)) run *= view.sizes[--outer];
    const size_t run_bytes = static_cast<size_t>(run) * item_size;
    std::vector<int64_t> index(outer, 0);
    uint64_t offset = static_cast<uint64_t>(view.offset);  // unsigned: strides of a size of 1 may be anything
    for (int64_t done = 0; done < view.num_elements; done += run, target += run_bytes) {
      std::memcpy(target, source + offset * item_size, run_bytes);
      for (size_t d = outer; d-- > 0;) {
        offset += static_cast<uint64_t>(view.strides[d]);
        if (++index[d] < view.sizes[d]) break;
        offset -= static_cast<uint64_t>(view.strides[d]) * static_cast<uint64_t>(view.sizes[d]);
        index[d] = 0;
      }
    }
  }

  at::ScalarType dtype_of(const PickleValue& storage, const std::string& name) const {
    if (const auto dtype = dtype_of_storage(storage.type)) return *dtype;
    fail<DataError>("{}: tensor '{}' is kept in a {}; known are floating point, integers and bool", source_.path, name,
                    storage.type);
  }

  std::span<const uint8_t> storage_bytes(const PickleValue& storage, size_t item_size) {
    const std::string key(storage.text);
    auto found = storages_.find(key);
    if (found == storages_.end()) found = storages_.emplace(key, source_.bytes_of(key)).first;
    require<DataError>(found->second.size() / item_size >= static_cast<uint64_t>(storage.integer),
                       "{}: storage '{}' has {} bytes, {} elements of {} bytes are wanted", source_.path, key,
                       found->second.size(), storage.integer, item_size);
    return found->second;
  }

  const PickledStorages& source_;
  const TensorRequest& request_;
  TensorFile file_;
  std::map<std::string, std::span<const uint8_t>> storages_;  // read and verified once
  std::set<std::string> ignored_;  // those in file_
  size_t num_more_ignored_ = 0;
  uint64_t total_bytes_ = 0;  // of elements
  uint64_t named_bytes_ = 0;  // of the tensors without their elements
  size_t visits_ = 0;
};

}  // namespace

TensorFile collect_tensors(const Pickle& pickle, const PickledStorages& storages, const TensorRequest& request) {
  return TensorCollector(storages, request).collect(pickle);
}

std::optional<at::ScalarType> dtype_of_storage(std::string_view storage_type) {
  for (const StorageType& type : kStorageTypes) {
    if (type.name == storage_type) return type.dtype;
  }
  return std::nullopt;
}

std::string storage_of_dtype(at::ScalarType dtype, const std::string& name) {
  for (const StorageType& type : kStorageTypes) {
    if (type.dtype == dtype) return std::string(type.name);
  }
  fail<std::runtime_error>("tensor '{}' has a dtype that a .pt file cannot hold", name);
}

}  // namespace longclip
