// tensors/legacy_pt.cpp -- see tensors/legacy_pt.h
#include "tensors/legacy_pt.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <string_view>

#include "base/error.h"
#include "tensors/pickle.h"
#include "tensors/pickle_tensors.h"

namespace longclip {
namespace {

using Kind = PickleValue::Kind;
using Bytes = std::span<const uint8_t>;

/// The opcode LONG1 with ten bytes: 0x1950a86a20f9469cfc6c.
constexpr std::string_view kMagic = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
constexpr int64_t kVersion = 1001;

class LegacyReader {
 public:
  LegacyReader(const MappedFile& file, const std::string& where) : file_(file), where_(where), rest_(file.bytes()) {}

  TensorFile read(const TensorRequest& request) {
    check_start();
    const Pickle object = next();
    const Pickle keys = next();
    require<DataError>(keys.root().kind == Kind::kList, "{}: the list of storages is missing", where_);
    find_storages(object.storages(), keys.root());
    const PickledStorages storages{.path = where_,
                                   .file_size = file_.bytes().size(),
                                   .bytes_of = [this](const std::string& key) { return bytes_of(key); },
                                   .release_pages = [this] { file_.release_pages(); }};
    TensorFile result = collect_tensors(object, storages, request);
    result.format = "torch.save";
    return result;
  }

 private:
  Pickle next() {
    Pickle pickle(rest_.subspan(0, std::min(rest_.size(), Pickle::kMaxBytes)), where_);
    rest_ = rest_.subspan(pickle.size());
    return pickle;
  }

  void check_start() {
    const auto* const start = reinterpret_cast<const char*>(rest_.data());
    const Pickle magic = next();
    require<DataError>(std::string_view(start, magic.size()).find(kMagic) != std::string_view::npos,
                       "{}: a pickle, but not one of PyTorch: tensors come from torch.save", where_);
    require<DataError>(next().root().integer == kVersion, "{}: an unknown version of torch.save", where_);
    const Pickle machine = next();
    for (const auto& [key, value] : machine.root().entries) {
      require<DataError>(key->text != "little_endian" || value->integer != 0,
                         "{}: was written on a big-endian machine; load and save it on a little-endian one", where_);
    }
  }

  /// Behind the pickles, for each key in their order: the number of elements, then these.
  void find_storages(const std::map<std::string_view, const PickleValue*>& named, const PickleValue& keys) {
    for (const PickleValue* key : keys.items) {
      const auto found = key->kind == Kind::kText ? named.find(key->text) : named.end();
      require<DataError>(found != named.end(), "{}: lists a storage '{}' that no tensor has", where_, key->text);
      const PickleValue& storage = *found->second;
      const auto dtype = dtype_of_storage(storage.type);
      require<DataError>(dtype.has_value(), "{}: storage '{}' is a {}; known are floating point, integers and bool",
                         where_, storage.text, storage.type);
      int64_t count = 0;
      require<DataError>(rest_.size() >= sizeof count, "{}: cut off before storage '{}'", where_, storage.text);
      std::memcpy(&count, rest_.data(), sizeof count);
      rest_ = rest_.subspan(sizeof count);
      const uint64_t item = c10::elementSize(*dtype);
      require<DataError>(count == storage.integer, "{}: storage '{}' has {} elements, its tensors want {}", where_,
                         storage.text, count, storage.integer);
      require<DataError>(static_cast<uint64_t>(count) <= rest_.size() / item, "{}: cut off in storage '{}'", where_,
                         storage.text);
      const bool is_new = storages_.emplace(storage.text, rest_.subspan(0, static_cast<uint64_t>(count) * item)).second;
      require<DataError>(is_new, "{}: lists the storage '{}' twice", where_, storage.text);
      rest_ = rest_.subspan(static_cast<uint64_t>(count) * item);
    }
    require<DataError>(rest_.empty(), "{}: {} bytes at the end belong to no storage", where_, rest_.size());
  }

  Bytes bytes_of(const std::string& key) const {
    const auto found = storages_.find(key);
    require<DataError>(found != storages_.end(), "{}: storage '{}' is missing", where_, key);
    return found->second;
  }

  const MappedFile& file_;
  const std::string& where_;
  Bytes rest_;
  std::map<std::string, Bytes> storages_;
};

}  // namespace

TensorFile read_legacy_pt(const MappedFile& file, const std::string& where, const TensorRequest& request) {
  return LegacyReader(file, where).read(request);
}

}  // namespace longclip
