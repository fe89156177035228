// tensors/pickle.cpp -- the pickle machine: a stack, a memo, and the few constructors that rebuild tensors.
#include "tensors/pickle.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "tensors/pickle_opcodes.h"

namespace longclip {
namespace {

constexpr size_t kMaxValues = 1'000'000;

/// A value may be one byte of the pickle. What torch.save writes has one in four bytes or more.
size_t max_values_of(size_t num_bytes) { return std::min(kMaxValues, 400'000 + num_bytes / 8); }

using Kind = PickleValue::Kind;

}  // namespace

Pickle::Pickle(std::span<const uint8_t> bytes, std::string where) : where_(std::move(where)), bytes_(bytes), max_values_(max_values_of(bytes.size())) {
  require<DataError>(bytes.size() <= kMaxBytes, "{}: a pickle of {} bytes; more than {} are not read", where_,
                     bytes.size(), kMaxBytes);
  run();
}

void Pickle::run() {
  while (root_ == nullptr) {
    const uint8_t opcode = number<uint8_t>();
    if (!step(opcode))
      fail<DataError>("{}: pickle opcode 0x{:02x} at byte {} is not supported", where_, opcode, position_ - 1);
  }
}

std::string_view Pickle::take(uint64_t length) {
  require<DataError>(bytes_.size() - position_ >= length, "{}: the pickle is cut off", where_);
  const std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + position_, length);
  position_ += length;
  return text;
}

template <class T> T Pickle::number() {
  T value{};
  std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
  return value;
}

std::string_view Pickle::line() {
  const size_t start = position_;
  while (number<char>() != '\n') {
  }
  return {reinterpret_cast<const char*>(bytes_.data()) + start, position_ - 1 - start};
}

/// Counts values and copied references, so that memory stays in proportion whatever the file says.
void Pickle::charge(size_t values) {
  charged_ += values;
  require<DataError>(charged_ <= max_values_, "{}: a pickle of more than {} values is not read", where_, max_values_);
}

PickleValue* Pickle::make(Kind kind) {
  charge(1);
  values_.emplace_back();
  values_.back().kind = kind;
  return &values_.back();
}

PickleValue* Pickle::make_list(std::vector<PickleValue*> items) {
  PickleValue* list = make(Kind::kList);
  list->items = std::move(items);
  return list;
}

PickleValue* Pickle::top() {
  const size_t lowest = marks_.empty() ? 0 : marks_.back();
  require<DataError>(stack_.size() > lowest, "{}: the pickle takes more values than it has", where_);
  return stack_.back();
}

PickleValue* Pickle::pop() {
  PickleValue* value = top();
  stack_.pop_back();
  return value;
}

std::vector<PickleValue*> Pickle::pop_mark() {
  require<DataError>(!marks_.empty(), "{}: the pickle has no mark where one is wanted", where_);
  const auto first = stack_.begin() + static_cast<ptrdiff_t>(marks_.back());
  std::vector<PickleValue*> items(first, stack_.end());
  stack_.erase(first, stack_.end());
  marks_.pop_back();
  return items;
}

bool Pickle::step(uint8_t opcode) {
  switch (opcode) {
    case op::kProto:
      require<DataError>(number<uint8_t>() <= 5, "{}: the pickle protocol is newer than 5", where_);
      return true;
    case op::kFrame: take(8); return true;
    case op::kStop: root_ = pop(); return true;
    case op::kMark:
      charge(1);
      marks_.push_back(stack_.size());
      return true;
    case op::kPop:
      if (!marks_.empty() && marks_.back() == stack_.size())
        marks_.pop_back();
      else
        pop();
      return true;
    case op::kPopMark: pop_mark(); return true;
    case op::kDup:
      charge(1);
      stack_.push_back(top());
      return true;
    default:
      return push_number(opcode) || push_text(opcode) || change_memo(opcode) || build_container(opcode) || call(opcode);
  }
}

/// An integer of any length. What does not fit 64 bits (random generator states) is not a size: kOther.
void Pickle::push_long(uint64_t length) {
  const std::string_view digits = take(length);
  PickleValue* value = make(length <= 8 ? Kind::kInt : Kind::kOther);
  stack_.push_back(value);
  if (length == 0 || length > 8) return;
  uint64_t bits = (static_cast<uint8_t>(digits.back()) & 0x80) != 0 ? ~uint64_t{0} : 0;
  for (size_t i = digits.size(); i-- > 0;) bits = (bits << 8) | static_cast<uint8_t>(digits[i]);
  value->integer = static_cast<int64_t>(bits);
}

bool Pickle::push_number(uint8_t opcode) {
  const auto push = [this](Kind kind, int64_t integer) {
    PickleValue* value = make(kind);
    value->integer = integer;
    stack_.push_back(value);
    return true;
  };
  switch (opcode) {
    case op::kNone: return push(Kind::kNone, 0);
    case op::kNewTrue: return push(Kind::kBool, 1);
    case op::kNewFalse: return push(Kind::kBool, 0);
    case op::kBinInt: return push(Kind::kInt, number<int32_t>());
    case op::kBinInt1: return push(Kind::kInt, number<uint8_t>());
    case op::kBinInt2: return push(Kind::kInt, number<uint16_t>());
    case op::kBinFloat: take(8); return push(Kind::kOther, 0);
    case op::kLong1: push_long(number<uint8_t>()); return true;
    case op::kLong4: push_long(number<uint32_t>()); return true;
    default: return false;
  }
}

bool Pickle::push_text(uint8_t opcode) {
  const auto push = [this](Kind kind, uint64_t length) {
    const std::string_view text = take(length);
    PickleValue* value = make(kind);
    value->text = text;
    stack_.push_back(value);
    return true;
  };
  switch (opcode) {
    case op::kShortBinString:
    case op::kShortBinUnicode: return push(Kind::kText, number<uint8_t>());
    case op::kBinString:
    case op::kBinUnicode: return push(Kind::kText, number<uint32_t>());
    case op::kBinUnicode8: return push(Kind::kText, number<uint64_t>());
    case op::kShortBinBytes: return push(Kind::kBytes, number<uint8_t>());
    case op::kBinBytes: return push(Kind::kBytes, number<uint32_t>());
    case op::kBinBytes8:
    case op::kByteArray8: return push(Kind::kBytes, number<uint64_t>());
    default: return false;
  }
}

bool Pickle::change_memo(uint8_t opcode) {
  const auto put = [this](uint64_t index) {
    charge(1);
    memo_[index] = top();
    return true;
  };
  const auto get = [this](uint64_t index) {
    const auto found = memo_.find(index);
    require<DataError>(found != memo_.end(), "{}: the pickle refers to a value {} that it does not have", where_,
                       index);
    charge(1);
    stack_.push_back(found->second);
    return true;
  };
  switch (opcode) {
    case op::kBinPut: return put(number<uint8_t>());
    case op::kLongBinPut: return put(number<uint32_t>());
    case op::kMemoize: return put(memo_.size());
    case op::kBinGet: return get(number<uint8_t>());
    case op::kLongBinGet: return get(number<uint32_t>());
    default: return false;
  }
}

void Pickle::append(const std::vector<PickleValue*>& items) {
  PickleValue* list = top();
  require<DataError>(list->kind == Kind::kList || list->kind == Kind::kObject,
                     "{}: the pickle appends to what is no list", where_);
  list->items.insert(list->items.end(), items.begin(), items.end());
}

void Pickle::set_items(const std::vector<PickleValue*>& flat) {
  PickleValue* dict = top();
  require<DataError>((dict->kind == Kind::kDict || dict->kind == Kind::kObject) && flat.size() % 2 == 0,
                     "{}: the pickle sets items of what is no dict", where_);
  for (size_t i = 0; i < flat.size(); i += 2) dict->entries.emplace_back(flat[i], flat[i + 1]);
}

bool Pickle::build_container(uint8_t opcode) {
  switch (opcode) {
    case op::kEmptyTuple:
    case op::kEmptyList:
    case op::kEmptySet: stack_.push_back(make(Kind::kList)); return true;
    case op::kEmptyDict: stack_.push_back(make(Kind::kDict)); return true;
    case op::kTuple:
    case op::kList:
    case op::kFrozenSet: stack_.push_back(make_list(pop_mark())); return true;
    case op::kTuple1:
    case op::kTuple2:
    case op::kTuple3: {
      std::vector<PickleValue*> items(opcode - op::kTuple1 + 1u);
      for (size_t i = items.size(); i-- > 0;) items[i] = pop();
      stack_.push_back(make_list(std::move(items)));
      return true;
    }
    case op::kAppend: {
      PickleValue* item = pop();
      append({item});
      return true;
    }
    case op::kAppends:
    case op::kAddItems: append(pop_mark()); return true;
    case op::kSetItem: {
      PickleValue* value = pop();
      PickleValue* key = pop();
      set_items({key, value});
      return true;
    }
    case op::kSetItems: set_items(pop_mark()); return true;
    case op::kDict: {
      const std::vector<PickleValue*> items = pop_mark();
      stack_.push_back(make(Kind::kDict));
      set_items(items);
      return true;
    }
    default: return false;
  }
}

bool Pickle::call(uint8_t opcode) {
  switch (opcode) {
    case op::kGlobal: {
      const std::string_view module = line();
      push_global(module, line());
      return true;
    }
    case op::kStackGlobal: {
      const PickleValue* name = pop();
      const PickleValue* module = pop();
      require<DataError>(name->kind == Kind::kText && module->kind == Kind::kText,
                         "{}: a class name in the pickle is no text", where_);
      push_global(module->text, name->text);
      return true;
    }
    case op::kNewObjEx:
      pop();  // keyword arguments; then as NEWOBJ
      [[fallthrough]];
    case op::kNewObj:
    case op::kReduce: {
      const PickleValue* arguments = pop();
      const PickleValue* function = pop();
      stack_.push_back(reduce(function, arguments));
      return true;
    }
    case op::kBuild: {
      const PickleValue* state = pop();
      if (top()->kind == Kind::kObject) top()->state = state;  // else `_metadata` of a state_dict: not wanted
      return true;
    }
    case op::kBinPersId: stack_.push_back(make_persistent(pop())); return true;
    default: return false;
  }
}

}  // namespace longclip
