#pragma once
// config/field_types.h -- the kinds of field a config struct may list, as the reader and the writer tell them apart.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/config_field.h"

namespace longclip {

/// A struct that lists its fields.
template <class T>
concept ConfigSection = requires(T& section) {
  T::fields(section, [](std::string_view, auto&, const FieldDoc&) {});
};

template <class T> inline constexpr bool is_optional = false;
template <class T> inline constexpr bool is_optional<std::optional<T>> = true;

template <class T> inline constexpr bool is_vector = false;
template <class T> inline constexpr bool is_vector<std::vector<T>> = true;
template <class T> inline constexpr bool is_section_list = false;
template <ConfigSection T> inline constexpr bool is_section_list<std::vector<T>> = true;

template <class T> inline constexpr bool is_array = false;
template <class T, size_t N> inline constexpr bool is_array<std::array<T, N>> = true;

/// The words of an enumeration, in the order of its EnumNames.
template <class E> std::vector<std::string_view> enum_words() {
  std::vector<std::string_view> words;
  for (const auto& [value, name] : EnumNames<E>::kNames) words.emplace_back(name);
  return words;
}

}  // namespace longclip
