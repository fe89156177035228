#pragma once
// config/section_reader.h -- fills a struct that lists its fields (base/config_field.h) from the tree of a YAML file.
// Unknown, missing, ill-typed and out-of-range keys are ConfigErrors with file, line, column and the full key.

#include <algorithm>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/config_field.h"
#include "config/config_tree.h"
#include "config/field_types.h"
#include "config/scalar_reader.h"

namespace longclip {

/// Reads a mapping into `out`, whose members hold the defaults; then out.validate(), if there is one. `key` is the full key
/// of the mapping, "" for the whole file. Throws ConfigError.
template <ConfigSection T> void read_section(const ConfigNode& node, const std::string& key, T& out);

/// "optim" + "lr" -> "optim.lr"
std::string join_key(const std::string& section, std::string_view name);
/// Throws for a node that is not a mapping, and for the first key that is not in `known`, with the nearest one that is.
void check_keys(const ConfigNode& node, const std::string& key, const std::vector<std::string_view>& known);
/// Of two keys that exclude each other: the one that does not count because the other came from a later `--set`, or "" if at
/// most one is given. Throws if both stand in the same place.
std::string_view overruled_key(const ConfigNode& node, const std::string& key, const FieldDoc& doc,
                               std::string_view name);
/// Throws the error of validate(): at the key if it is given, else at the section.
[[noreturn]] void reject_key(const ConfigNode& node, const std::string& key, std::string_view name,
                             const std::string& reason);
/// A list, with `size` entries unless that is -1; throws otherwise.
void check_list(const ConfigNode& node, const std::string& key, int64_t size);
/// Nothing given: an empty mapping in the place of its parent.
ConfigNode absent_section(const ConfigNode& parent);
/// True if the node is the unquoted word.
bool is_word(const ConfigNode& node, std::string_view word);

template <class T>
void read_value(const ConfigNode& node, const std::string& key, const FieldDoc& doc, T& out,
                std::string_view word = "") {
  const ScalarField field{node, key, word};
  if constexpr (std::is_same_v<T, bool>) {
    out = read_bool(field);
  } else if constexpr (std::is_same_v<T, int64_t>) {
    out = read_integer(field);
  } else if constexpr (std::is_same_v<T, double>) {
    out = read_number(field);
  } else if constexpr (std::is_same_v<T, std::string>) {
    out = read_text(field);
  } else if constexpr (std::is_same_v<T, std::filesystem::path>) {
    const bool in_working_folder = (doc.flags & kInWorkingFolder) != 0;
    out = read_path(field, in_working_folder ? std::filesystem::current_path() : node.source->folder);
  } else if constexpr (std::is_enum_v<T>) {
    out = EnumNames<T>::kNames[read_word(field, enum_words<T>())].first;
  } else if constexpr (is_optional<T>) {
    out.reset();
    if (!is_word(node, doc.empty)) read_value(node, key, doc, out.emplace(), doc.empty);
  } else if constexpr (is_vector<T>) {
    if ((doc.flags & kOneOrMore) != 0 && node.kind == ConfigNode::Kind::kScalar) {
      out.assign(1, {});
      return read_value(node, key, doc, out[0]);
    }
    check_list(node, key, -1);
    if ((doc.flags & kOneOrMore) != 0 && node.entries.empty()) fail_at(node, key, "the list is empty");
    out.assign(node.entries.size(), {});
    for (size_t i = 0; i < out.size(); ++i)
      read_value(node.entries[i], key + "[" + std::to_string(i) + "]", doc, out[i]);
  } else if constexpr (is_array<T>) {
    check_list(node, key, static_cast<int64_t>(out.size()));
    for (size_t i = 0; i < out.size(); ++i)
      read_value(node.entries[i], key + "[" + std::to_string(i) + "]", doc, out[i]);
  } else {
    read_section(node, key, out);
  }
}

/// What a field is when its key is absent: the default, whose relative paths start where the section was written.
template <class T> void read_absent(const ConfigNode& section, const std::string& key, const FieldDoc& doc, T& out) {
  if (doc.flags & kRequired) fail_at(section, key, "is missing and has no default");
  if constexpr (ConfigSection<T>) {
    read_section(absent_section(section), key, out);
  } else if constexpr (std::is_same_v<T, std::filesystem::path>) {
    if (!out.empty()) out = resolve_path(section.source->folder, out);
  } else if constexpr (std::is_same_v<T, std::vector<std::filesystem::path>>) {
    for (auto& path : out) path = resolve_path(section.source->folder, path);
  }
}

template <ConfigSection T> void read_section(const ConfigNode& node, const std::string& key, T& out) {
  std::vector<std::string_view> known;
  T::fields(out, [&](std::string_view name, auto&, const FieldDoc&) { known.push_back(name); });
  check_keys(node, key, known);
  std::vector<std::string_view> overruled, replaced;
  T::fields(out, [&](std::string_view name, auto&, const FieldDoc& doc) {
    if (doc.replaces.empty()) return;
    overruled.push_back(overruled_key(node, key, doc, name));
    const ConfigNode* own = node.find(name);
    if (own != nullptr && !is_word(*own, doc.empty)) replaced.push_back(doc.replaces);
  });
  T::fields(out, [&](std::string_view name, auto& value, const FieldDoc& doc) {
    const ConfigNode* entry = node.find(name);
    for (const std::string_view gone : overruled) {
      if (gone == name) entry = nullptr;
    }
    if (entry != nullptr) {
      read_value(*entry, join_key(key, name), doc, value);
    } else if (std::ranges::find(replaced, name) == replaced.end()) {
      read_absent(node, join_key(key, name), doc, value);
    }
  });
  if constexpr (requires(const RejectField& reject) { out.validate(reject); }) {
    out.validate([&](std::string_view name, const std::string& reason) { reject_key(node, key, name, reason); });
  }
}

}  // namespace longclip
