#pragma once
// base/config_field.h -- how a config struct lists its fields, so that reading, checking, dumping, docs/config.md and the
// comparison on resume all come from one list. The reader itself is config/section_reader.h.
//
//   struct OptimConfig {
//     double lr = 1e-6;
//     std::optional<double> max_grad_norm;
//     bool operator==(const OptimConfig&) const = default;
//     template <class Self, class Visitor> static void fields(Self& self, Visitor&& visit) {
//       visit("lr", self.lr, {"Peak learning rate, reached after warm-up.", "Long-CLIP train.py:330"});
//       visit("max_grad_norm", self.max_grad_norm, {.meaning = "...", .empty = "none"});
//     }
//     void validate(const RejectField& reject) const;  // optional
//   };
//
// Field types: bool, int64_t, double, std::string, std::filesystem::path (made absolute by the reader), std::optional<T>
// (a word stands for the empty one), std::vector<T>, std::array<T, N>, enums with EnumNames<E>, structs that list fields.

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace longclip {

enum FieldFlags : unsigned {
  kDefault = 0,
  kRequired = 1,         ///< no default: an error when absent
  kMayChange = 2,        ///< may differ when a run is resumed; on a section: everything in it
  kInWorkingFolder = 4,  ///< a path relative to the working folder instead of the YAML file
  kOneOrMore = 8,        ///< a list that is never empty, and of which a single value may be written without brackets
};

/// The one description of a field.
struct FieldDoc {
  std::string_view meaning;      ///< what it does, with the unit and special values
  std::string_view source = "";  ///< where the default comes from; empty where it is ours
  unsigned flags = kDefault;
  std::string_view empty = "none";  ///< the word that stands for an empty std::optional
  std::string_view replaces = "";   ///< the field of the same struct that has no effect while this optional is set
};

/// Throws the ConfigError of one key, with file:line:column: reject("lr", "must not be negative").
using RejectField = std::function<void(std::string_view key, const std::string& reason)>;

/// Names of an enumeration in YAML: specialise as
///   template <> struct EnumNames<Side> { static constexpr std::array kNames{std::pair{Side::kImage, "image"}, ...}; };
template <class E> struct EnumNames;

template <class E> constexpr std::string_view enum_name(E value) {
  for (const auto& [key, name] : EnumNames<E>::kNames) {
    if (key == value) return name;
  }
  return "?";
}

}  // namespace longclip
