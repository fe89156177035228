// config/section_reader.cpp -- the checks of a mapping that do not depend on the type of the struct.
#include "config/section_reader.h"

#include <algorithm>

#include "base/error.h"

namespace longclip {

std::string join_key(const std::string& section, std::string_view name) {
  return section.empty() ? std::string(name) : section + "." + std::string(name);
}

void check_keys(const ConfigNode& node, const std::string& key, const std::vector<std::string_view>& known) {
  if (node.kind == ConfigNode::Kind::kNull) fail_at(node, key, "no value; write its keys, or leave it out");
  if (node.kind != ConfigNode::Kind::kMapping)
    fail_at(node, key, fmt::format("keys are wanted: {}", fmt::join(known, ", ")));
  for (const ConfigNode& entry : node.entries) {
    if (std::ranges::find(known, entry.key) != known.end()) continue;
    const std::string_view near = nearest_word(entry.key, known);
    fail<ConfigError>(
        "{}: unknown key '{}'; {}", entry.where(), join_key(key, entry.key),
        near.empty() ? fmt::format("known are {}", fmt::join(known, ", ")) : fmt::format("did you mean '{}'?", near));
  }
}

std::string_view overruled_key(const ConfigNode& node, const std::string& key, const FieldDoc& doc,
                               std::string_view name) {
  const ConfigNode* own = node.find(name);
  const ConfigNode* other = node.find(doc.replaces);
  if (own == nullptr || other == nullptr || is_word(*own, doc.empty)) return "";
  if (own->source->order != other->source->order)
    return own->source->order < other->source->order ? name : doc.replaces;
  fail_at(*own, join_key(key, name), fmt::format("excludes {}; give one of the two", join_key(key, doc.replaces)));
}

void reject_key(const ConfigNode& node, const std::string& key, std::string_view name, const std::string& reason) {
  const ConfigNode* entry = node.find(name);
  const bool has_text = entry != nullptr && entry->kind == ConfigNode::Kind::kScalar;
  fail_at(entry != nullptr ? *entry : node, join_key(key, name),
          has_text ? fmt::format("{} (given: {})", reason, entry->text) : reason);
}

void check_list(const ConfigNode& node, const std::string& key, int64_t size) {
  if (node.kind == ConfigNode::Kind::kNull) fail_at(node, key, "no value; write a list, or leave the key out");
  const bool right = node.kind == ConfigNode::Kind::kList && (size < 0 || std::ssize(node.entries) == size);
  if (!right) fail_at(node, key, size < 0 ? "a list is wanted" : fmt::format("a list of {} values is wanted", size));
}

ConfigNode absent_section(const ConfigNode& parent) {
  ConfigNode node;
  node.kind = ConfigNode::Kind::kMapping;
  node.source = parent.source;
  node.line = parent.line;
  node.column = parent.column;
  return node;
}

bool is_word(const ConfigNode& node, std::string_view word) {
  return node.kind == ConfigNode::Kind::kScalar && !node.quoted && node.text == word;
}

}  // namespace longclip
