// tests/fuzz/pickle_fuzz.cpp -- any bytes as the pickle of a torch file: texts are parts of the file, and every element of
// a tensor lies in its storage.
#include <cstdint>
#include <cstdlib>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "tensors/pickle.h"

namespace {

using longclip::PickleTensor;
using longclip::PickleValue;
using Kind = PickleValue::Kind;

void check(bool condition) {
  if (!condition) std::abort();
}

/// The number of dimensions and the sizes are bounded by the reader, so that 128 bits hold every place.
void check_tensor(const PickleTensor& tensor) {
  check(tensor.storage != nullptr && tensor.storage->kind == Kind::kStorage && tensor.offset >= 0);
  check(tensor.sizes.size() == tensor.strides.size() && tensor.sizes.size() <= 64);
  unsigned __int128 last = static_cast<unsigned __int128>(tensor.offset);
  bool is_empty = false;
  for (size_t d = 0; d < tensor.sizes.size(); ++d) {
    check(tensor.sizes[d] >= 0 && tensor.strides[d] >= 0);
    is_empty |= tensor.sizes[d] == 0;
    if (tensor.sizes[d] > 0) last += static_cast<unsigned __int128>(tensor.sizes[d] - 1) * static_cast<uint64_t>(tensor.strides[d]);
  }
  check(is_empty == (tensor.num_elements == 0));
  check(is_empty || last < static_cast<uint64_t>(tensor.storage->integer));
}

/// Every value that can be reached, in whatever circles.
class Walk {
 public:
  explicit Walk(std::string_view file) : file_(file) {}

  void from(const PickleValue& root) {
    visit(&root);
    while (!todo_.empty()) {
      const PickleValue& value = *todo_.back();
      todo_.pop_back();
      look_at(value);
    }
  }

 private:
  void visit(const PickleValue* value) {
    if (value != nullptr && seen_.insert(value).second) todo_.push_back(value);
  }

  void look_at(const PickleValue& value) {
    const bool is_part = value.kind == Kind::kText || value.kind == Kind::kBytes || value.kind == Kind::kStorage;
    check(!is_part || value.text.empty() ||
          (value.text.data() >= file_.data() && value.text.data() + value.text.size() <= file_.data() + file_.size()));
    check((value.kind == Kind::kTensor) == (value.tensor != nullptr));
    if (value.tensor != nullptr) check_tensor(*value.tensor);
    for (const PickleValue* item : value.items) visit(item);
    for (const auto& [key, item] : value.entries) {
      visit(key);
      visit(item);
    }
    visit(value.arguments);
    visit(value.state);
  }

  std::string_view file_;
  std::vector<const PickleValue*> todo_;
  std::unordered_set<const PickleValue*> seen_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const longclip::Pickle pickle({data, size}, "fuzz");
    check(pickle.size() > 0 && pickle.size() <= size);
    Walk({reinterpret_cast<const char*>(data), size}).from(pickle.root());
    for (const auto& [key, storage] : pickle.storages()) check(storage->kind == Kind::kStorage && storage->text == key);
  } catch (const longclip::DataError&) {
    // Refused: the other good end.
  }
  return 0;
}
