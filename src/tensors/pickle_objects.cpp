// tensors/pickle_objects.cpp -- what the names in a pickle mean: tensors, storages, dicts; refused; or inert.
#include <algorithm>
#include <array>

#include "base/error.h"
#include "tensors/pickle.h"

namespace longclip {
namespace {

using Kind = PickleValue::Kind;

constexpr size_t kMaxDimensions = 64;
constexpr size_t kMaxNameLength = 512;
constexpr size_t kMaxInert = 100;
constexpr size_t kValueBytes = 128;  // about what one value takes

/// Modules and functions that run code. A file of weights has no reason to name them, so it is refused as hostile.
bool is_dangerous(std::string_view module, std::string_view name) {
  static constexpr std::array<std::string_view, 8> kModules{"os",    "posix", "nt",       "subprocess",
                                                            "runpy", "pty",   "commands", "importlib"};
  static constexpr std::array<std::string_view, 7> kBuiltins{"eval",       "exec", "execfile", "compile",
                                                             "__import__", "open", "getattr"};
  const std::string_view top = module.substr(0, module.find('.'));
  if (std::find(kModules.begin(), kModules.end(), top) != kModules.end()) return true;
  const std::string_view first = name.substr(0, name.find('.'));
  return (top == "builtins" || top == "__builtin__") &&
         std::find(kBuiltins.begin(), kBuiltins.end(), first) != kBuiltins.end();
}

bool is_storage_class(std::string_view global) { return global.starts_with("torch.") && global.ends_with("Storage"); }

/// Functions that give back their first argument.
bool is_wrapper(std::string_view global) {
  static constexpr std::array<std::string_view, 8> kWrappers{"torch._utils._rebuild_parameter",
                                                             "torch._utils._rebuild_parameter_with_state",
                                                             "torch.Size",
                                                             "torch.jit._pickle.restore_type_tag",
                                                             "torch.jit._pickle.build_intlist",
                                                             "torch.jit._pickle.build_tensorlist",
                                                             "torch.jit._pickle.build_doublelist",
                                                             "torch.jit._pickle.build_boollist"};
  return std::find(kWrappers.begin(), kWrappers.end(), global) != kWrappers.end();
}

constexpr std::string_view kRebuildTensor = "torch._utils._rebuild_tensor_v2";
constexpr std::string_view kRebuildFromType = "torch._tensor._rebuild_from_type_v2";
constexpr std::string_view kOrderedDict = "collections.OrderedDict";

bool is_known(std::string_view global) {
  return global == kRebuildTensor || global == kRebuildFromType || global == kOrderedDict || is_wrapper(global) ||
         is_storage_class(global) || global.starts_with("__torch__") || global == "torch.nn.parameter.Parameter" ||
         global == "torch.Tensor";
}

bool is_list(const PickleValue* value) { return value->kind == Kind::kList; }

}  // namespace

void Pickle::push_global(std::string_view module, std::string_view name) {
  require<DataError>(module.size() <= kMaxNameLength && name.size() <= kMaxNameLength,
                     "{}: a class name in the pickle is too long", where_);
  const std::string full = std::string(module) + "." + std::string(name);
  require<DataError>(!is_dangerous(module, name),
                     "{}: names {}, which runs code when Python loads the file; a file of weights has no use for it. "
                     "Do not load this file in Python either",
                     where_, full);
  charge(full.size() / kValueBytes);
  if (!is_known(full)) inert_.insert(inert_.size() < kMaxInert || inert_.contains(full) ? full : "other classes");
  PickleValue* global = make(Kind::kGlobal);
  global->text = *names_.insert(full).first;
  stack_.push_back(global);
}

PickleValue* Pickle::make_object(std::string_view name, const PickleValue* arguments) {
  PickleValue* object = make(Kind::kObject);
  object->text = name;
  object->arguments = arguments;
  return object;
}

PickleValue* Pickle::reduce(const PickleValue* function, const PickleValue* arguments) {
  require<DataError>(is_list(arguments), "{}: a call in the pickle has no argument list", where_);
  const std::string_view name = function->text;
  if (function->kind != Kind::kGlobal) return make_object(function->kind == Kind::kObject ? name : "?", arguments);
  if (name == kOrderedDict) return make_dict(arguments);
  if (name == kRebuildTensor) return make_tensor(arguments);
  const std::vector<PickleValue*>& items = arguments->items;
  if (is_wrapper(name)) {
    require<DataError>(!items.empty(), "{}: {} has no argument", where_, name);
    return items[0];
  }
  // (function, type, arguments, state): a Parameter or Tensor that carries attributes
  const bool plain = name == kRebuildFromType && items.size() >= 3 && is_list(items[2]) &&
                     items[0]->kind == Kind::kGlobal && items[0]->text != kRebuildFromType &&
                     (items[1]->text == "torch.Tensor" || items[1]->text == "torch.nn.parameter.Parameter");
  if (plain) return reduce(items[0], items[2]);
  return make_object(name, arguments);
}

PickleValue* Pickle::make_dict(const PickleValue* arguments) {
  PickleValue* dict = make(Kind::kDict);
  if (arguments->items.empty()) return dict;
  const PickleValue* pairs = arguments->items[0];
  require<DataError>(is_list(pairs), "{}: an OrderedDict in the pickle is not built from pairs", where_);
  charge(pairs->items.size());
  for (const PickleValue* pair : pairs->items) {
    require<DataError>(is_list(pair) && pair->items.size() == 2,
                       "{}: an OrderedDict in the pickle is not built from pairs", where_);
    dict->entries.emplace_back(pair->items[0], pair->items[1]);
  }
  return dict;
}

int64_t Pickle::integer_of(const PickleValue* value) const {
  require<DataError>(value->kind == Kind::kInt, "{}: a size in the pickle is no whole number", where_);
  return value->integer;
}

std::vector<int64_t> Pickle::integers_of(const PickleValue* value) const {
  require<DataError>(is_list(value) && value->items.size() <= kMaxDimensions,
                     "{}: the shape of a tensor is no list of at most {} sizes", where_, kMaxDimensions);
  std::vector<int64_t> numbers;
  numbers.reserve(value->items.size());
  for (const PickleValue* item : value->items) numbers.push_back(integer_of(item));
  return numbers;
}

/// ("storage", torch.FloatStorage, key, location, number of elements), before PyTorch 1.6 with a view of it or None behind;
/// or there ("module", class, file, its source) for a pickled module's class.
PickleValue* Pickle::make_persistent(PickleValue* id) {
  const auto& items = id->items;
  if (is_list(id) && items.size() == 4 && items[0]->text == "module" && items[1]->kind == Kind::kGlobal)
    return items[1];
  require<DataError>(is_list(id) && items.size() >= 5 && items[0]->text == "storage" &&
                         items[1]->kind == Kind::kGlobal && items[2]->kind == Kind::kText,
                     "{}: a storage in the pickle is not described as torch does", where_);
  require<DataError>(is_storage_class(items[1]->text), "{}: a storage is of the unknown class {}", where_,
                     items[1]->text);
  require<DataError>(items.size() == 5 || items[5]->kind == Kind::kNone,
                     "{}: storage '{}' is a view of another, as PyTorch wrote before 0.4; load and save it in Python",
                     where_, items[2]->text);
  PickleValue* storage = make(Kind::kStorage);
  storage->type = items[1]->text.substr(items[1]->text.rfind('.') + 1);
  storage->text = items[2]->text;
  storage->integer = integer_of(items[4]);
  require<DataError>(storage->integer >= 0, "{}: storage '{}' has a negative size", where_, storage->text);
  return storage;
}

std::map<std::string_view, const PickleValue*> Pickle::storages() const {
  std::map<std::string_view, const PickleValue*> all;
  for (const PickleValue& value : values_) {
    if (value.kind != Kind::kStorage) continue;
    const PickleValue& first = *all.emplace(value.text, &value).first->second;
    require<DataError>(first.type == value.type && first.integer == value.integer,
                       "{}: storage '{}' is described in two ways", where_, value.text);
  }
  return all;
}

/// (storage, offset, sizes, strides, requires_grad, hooks)
PickleValue* Pickle::make_tensor(const PickleValue* arguments) {
  const auto& items = arguments->items;
  require<DataError>(items.size() >= 4, "{}: a tensor in the pickle is not described as torch does", where_);
  const PickleValue* storage = items[0];
  require<DataError>(
      storage->kind == Kind::kStorage, "{}: a tensor is made from {}, which this reader does not know and does not run",
      where_, storage->text.empty() || storage->kind == Kind::kText ? "something that is no storage" : storage->text);
  PickleValue* value = make(Kind::kTensor);
  value->tensor = std::make_unique<PickleTensor>();
  PickleTensor& tensor = *value->tensor;
  tensor = {.storage = storage,
            .offset = integer_of(items[1]),
            .sizes = integers_of(items[2]),
            .strides = integers_of(items[3]),
            .num_elements = 1};
  charge((sizeof(PickleTensor) + (tensor.sizes.size() + tensor.strides.size()) * sizeof(int64_t)) / kValueBytes + 1);
  bool valid = tensor.sizes.size() == tensor.strides.size() && tensor.offset >= 0;
  int64_t last = tensor.offset;
  int64_t bound = 1;  // product of the sizes with 0 counted as 1, so that no product of some of them overflows either
  for (size_t d = 0; valid && d < tensor.sizes.size(); ++d) {
    const int64_t size = tensor.sizes[d];
    int64_t reach = 0;
    valid = size >= 0 && tensor.strides[d] >= 0 && !__builtin_mul_overflow(bound, std::max<int64_t>(size, 1), &bound) &&
            !__builtin_mul_overflow(std::max<int64_t>(size, 1) - 1, tensor.strides[d], &reach) &&
            !__builtin_add_overflow(last, reach, &last);
    if (valid) tensor.num_elements *= size;
  }
  require<DataError>(valid && (tensor.num_elements == 0 || last < storage->integer),
                     "{}: a tensor reaches outside its storage '{}' of {} elements", where_, storage->text,
                     storage->integer);
  return value;
}

}  // namespace longclip
