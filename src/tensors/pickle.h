#pragma once
// tensors/pickle.h -- reads the pickle inside a torch file into plain values. Nothing is ever called or imported.
// Opcodes: Python's pickletools.py, protocols 2 to 5; the classes that rebuild tensors: torch/_utils.py.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace longclip {

struct PickleTensor;

/// One value of a pickle. Pointers and texts live as long as the Pickle they came from. Values may form cycles.
struct PickleValue {
  enum class Kind : uint8_t {
    kNone,
    kBool,
    kInt,
    kOther,
    kText,
    kBytes,
    kList,
    kDict,
    kGlobal,
    kObject,
    kStorage,
    kTensor
  };
  Kind kind = Kind::kNone;
  int64_t integer = 0;              ///< kBool, kInt; kStorage: number of elements
  std::string_view text;            ///< kText, kBytes: the content; kGlobal, kObject: "module.name"; kStorage: its key
  std::string_view type;            ///< kStorage: "FloatStorage", ...
  std::vector<PickleValue*> items;  ///< kList: also tuples and sets
  std::vector<std::pair<PickleValue*, PickleValue*>> entries;  ///< kDict; kObject: items set on it
  const PickleValue* arguments = nullptr;                      ///< kObject: what its unknown constructor would have got
  const PickleValue* state = nullptr;                          ///< kObject: what its __setstate__ would have got
  std::unique_ptr<PickleTensor> tensor;                        ///< kTensor
};

/// A view of a storage, in elements. Checked when it was read: the whole view lies inside the storage.
struct PickleTensor {
  const PickleValue* storage = nullptr;
  int64_t offset = 0;
  std::vector<int64_t> sizes;
  std::vector<int64_t> strides;
  int64_t num_elements = 0;
};

/// Reads a pickle. Throws DataError "WHERE: ..." for a broken one, for one that names code which has no place in a file
/// of weights (os, posix, nt, subprocess, runpy, builtins.eval, ...), for a tensor whose storage comes from an unknown
/// class, and beyond 64 MiB, 64 dimensions or about a million values (400,000 and an eighth of the bytes, which is more than
/// PyTorch writes). Any other class becomes an inert kObject.
/// Memory: about 140 bytes a value.
/// `bytes` must outlive this object.
class Pickle {
 public:
  static constexpr size_t kMaxBytes = size_t{64} << 20;

  Pickle(std::span<const uint8_t> bytes, std::string where);
  const PickleValue& root() const { return *root_; }
  /// Bytes up to and with the end of the pickle; other things may follow.
  size_t size() const { return position_; }
  /// Every storage that is named, by its key; throws DataError if two of one key differ.
  std::map<std::string_view, const PickleValue*> storages() const;
  /// Classes and functions that were named, are not understood, and were left inert; the first 100, then "other classes".
  const std::set<std::string>& inert_globals() const { return inert_; }

 private:
  using Kind = PickleValue::Kind;

  void run();
  bool step(uint8_t opcode);
  bool push_number(uint8_t opcode);
  bool push_text(uint8_t opcode);
  bool change_memo(uint8_t opcode);
  bool build_container(uint8_t opcode);
  bool call(uint8_t opcode);

  std::string_view take(uint64_t length);
  template <class T> T number();
  std::string_view line();
  PickleValue* make(Kind kind);
  PickleValue* make_list(std::vector<PickleValue*> items);
  void charge(size_t values);
  PickleValue* pop();
  PickleValue* top();
  std::vector<PickleValue*> pop_mark();
  void set_items(const std::vector<PickleValue*>& flat);
  void append(const std::vector<PickleValue*>& items);
  void push_long(uint64_t length);
  void push_global(std::string_view module, std::string_view name);
  PickleValue* reduce(const PickleValue* function, const PickleValue* arguments);
  PickleValue* make_object(std::string_view name, const PickleValue* arguments);
  PickleValue* make_dict(const PickleValue* arguments);
  PickleValue* make_tensor(const PickleValue* arguments);
  PickleValue* make_persistent(PickleValue* id);
  int64_t integer_of(const PickleValue* value) const;
  std::vector<int64_t> integers_of(const PickleValue* value) const;

  std::string where_;
  std::span<const uint8_t> bytes_;
  size_t position_ = 0;
  size_t max_values_;
  size_t charged_ = 0;
  std::deque<PickleValue> values_;  // owns every value; no value owns another, so cycles and depth do not matter
  std::set<std::string, std::less<>> names_;
  std::vector<PickleValue*> stack_;
  std::vector<size_t> marks_;  // stack sizes
  std::unordered_map<uint64_t, PickleValue*> memo_;
  std::set<std::string> inert_;
  const PickleValue* root_ = nullptr;
};

}  // namespace longclip
