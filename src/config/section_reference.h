#pragma once
// config/section_reference.h -- documentation of a config struct in Markdown: one table a section, one row a key.

#include <string>
#include <string_view>
#include <type_traits>

#include "base/config_field.h"
#include "config/field_types.h"
#include "config/section_writer.h"

namespace longclip {

/// One row of a table.
struct ReferenceRow {
  std::string key;
  std::string type;
  std::string default_text;
  const FieldDoc& doc;
  bool may_change = false;
};

std::string reference_row(const ReferenceRow& row);
/// The heading and first lines of a section's table.
std::string reference_heading(std::string_view section, const FieldDoc& doc);

/// What may stand for a field: "number", "`image`, `text`", "list of 2 numbers", "whole number or `auto`".
template <class T> std::string type_text(const FieldDoc& doc, bool plural = false) {
  const std::string s = plural ? "s" : "";
  if constexpr (std::is_same_v<T, bool>) {
    return "`true` or `false`";
  } else if constexpr (std::is_same_v<T, int64_t>) {
    return "whole number" + s;
  } else if constexpr (std::is_same_v<T, double>) {
    return "number" + s;
  } else if constexpr (std::is_same_v<T, std::string>) {
    return "text" + s;
  } else if constexpr (std::is_same_v<T, std::filesystem::path>) {
    return "path" + s;
  } else if constexpr (std::is_enum_v<T>) {
    std::string words;
    for (const std::string_view word : enum_words<T>()) {
      if (word == "\t") continue;  // is there as `\t` too
      words += (words.empty() ? "`" : ", `") + std::string(word) + "`";
    }
    return words;
  } else if constexpr (is_optional<T>) {
    return type_text<typename T::value_type>(doc) + " or `" + std::string(doc.empty) + "`";
  } else if constexpr (is_vector<T>) {
    const std::string list = "list of " + type_text<typename T::value_type>(doc, true);
    return (doc.flags & kOneOrMore) != 0 ? type_text<typename T::value_type>(doc) + " or " + list : list;
  } else if constexpr (is_array<T>) {
    return "list of " + std::to_string(std::tuple_size_v<T>) + " " + type_text<typename T::value_type>(doc, true);
  } else {
    return "mapping" + s;
  }
}

template <ConfigSection T> std::string reference_rows(const std::string& prefix, unsigned flags) {
  std::string text;
  const T defaults{};
  T::fields(defaults, [&](std::string_view name, const auto& value, const FieldDoc& doc) {
    using Field = std::decay_t<decltype(value)>;
    const std::string key = prefix + std::string(name);
    const unsigned all_flags = flags | doc.flags;
    if constexpr (ConfigSection<Field>) {
      text += reference_rows<Field>(key + ".", all_flags);
    } else {
      text += reference_row({key, type_text<Field>(doc), value_text(value, doc), doc, (all_flags & kMayChange) != 0});
    }
    if constexpr (is_section_list<Field>) text += reference_rows<typename Field::value_type>(key + "[].", all_flags);
  });
  return text;
}

/// Every section of a whole config.
template <ConfigSection T> std::string reference_tables() {
  std::string text;
  const T defaults{};
  T::fields(defaults, [&](std::string_view name, const auto& section, const FieldDoc& doc) {
    text += reference_heading(name, doc) + reference_rows<std::decay_t<decltype(section)>>("", doc.flags);
  });
  return text;
}

}  // namespace longclip
