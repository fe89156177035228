#pragma once
// config/section_writer.h -- a struct that lists its fields as YAML text, as a flat list of keys, and as documentation.
// What is written here, section_reader.h reads back to an equal struct.

#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/config_field.h"
#include "config/field_types.h"

namespace longclip {

/// One key with its value in YAML's flow style.
struct ConfigLeaf {
  std::string key;  ///< "loss.pcm.side", "data.train[0].path"
  std::string value;
  bool may_change = false;
};

std::string scalar_text(bool value);
std::string scalar_text(int64_t value);
/// The shortest text that reads back to the same number.
std::string scalar_text(double value);
/// Quoted where YAML needs it.
std::string scalar_text(std::string_view value);
/// A word of an enumeration: as it is, unless it is punctuation.
std::string word_text(std::string_view word);

/// Names of the fields that have no effect because another one is set (FieldDoc::replaces); they are not written.
template <ConfigSection T> std::vector<std::string_view> replaced_fields(const T& section) {
  std::vector<std::string_view> names;
  T::fields(section, [&](std::string_view, const auto& value, const FieldDoc& doc) {
    if constexpr (is_optional<std::decay_t<decltype(value)>>) {
      if (value && !doc.replaces.empty()) names.push_back(doc.replaces);
    }
  });
  return names;
}

/// Calls visit(name, value, doc) for every field that is written.
template <ConfigSection T, class Visitor> void for_each_written_field(const T& section, Visitor&& visit) {
  const std::vector<std::string_view> replaced = replaced_fields(section);
  T::fields(section, [&](std::string_view name, const auto& value, const FieldDoc& doc) {
    for (const std::string_view gone : replaced) {
      if (gone == name) return;
    }
    visit(name, value, doc);
  });
}

/// Any field in YAML's flow style: 0.1, [0.9, 0.999], {side: image, scope: local}.
template <class T> std::string value_text(const T& value, const FieldDoc& doc) {
  std::string text;
  const auto append = [&text](const std::string& item) { text += (text.empty() ? "" : ", ") + item; };
  if constexpr (std::is_enum_v<T>) {
    return word_text(enum_name(value));
  } else if constexpr (std::is_same_v<T, std::filesystem::path>) {
    return scalar_text(std::string_view(value.native()));
  } else if constexpr (is_optional<T>) {
    return value ? value_text(*value, doc) : std::string(doc.empty);
  } else if constexpr (is_vector<T> || is_array<T>) {
    for (const auto& item : value) append(value_text(item, doc));
    return "[" + text + "]";
  } else if constexpr (ConfigSection<T>) {
    for_each_written_field(value, [&](std::string_view name, const auto& field, const FieldDoc& field_doc) {
      append(std::string(name) + ": " + value_text(field, field_doc));
    });
    return "{" + text + "}";
  } else {
    return scalar_text(value);
  }
}

/// The whole file: sections in blocks, one line a key.
template <ConfigSection T> std::string dump_sections(const T& sections) {
  std::string text;
  T::fields(sections, [&](std::string_view section_name, const auto& section, const FieldDoc&) {
    text += std::string(section_name) + ":\n";
    for_each_written_field(section, [&](std::string_view name, const auto& value, const FieldDoc& doc) {
      text += "  " + std::string(name) + ": " + value_text(value, doc) + "\n";
    });
  });
  return text;
}

/// Appends every written key of `section`; `flags` are those of the section itself (kMayChange covers all in it).
template <ConfigSection T>
void list_leaves(const T& section, const std::string& prefix, unsigned flags, std::vector<ConfigLeaf>& leaves) {
  for_each_written_field(section, [&](std::string_view name, const auto& value, const FieldDoc& doc) {
    using Field = std::decay_t<decltype(value)>;
    const std::string key = prefix.empty() ? std::string(name) : prefix + "." + std::string(name);
    const unsigned all_flags = flags | doc.flags;
    if constexpr (ConfigSection<Field>) {
      list_leaves(value, key, all_flags, leaves);
    } else if constexpr (is_section_list<Field>) {
      for (size_t i = 0; i < value.size(); ++i)
        list_leaves(value[i], key + "[" + std::to_string(i) + "]", all_flags, leaves);
    } else {
      leaves.push_back({key, value_text(value, doc), (all_flags & kMayChange) != 0});
    }
  });
}

}  // namespace longclip
