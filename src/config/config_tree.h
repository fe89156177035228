#pragma once
// config/config_tree.h -- a YAML file as a plain tree that remembers the place of every value; yaml-cpp stays behind it.
// It refuses what YAML readers understand differently or silently lose: duplicate keys, merge keys, a second document,
// tags, tabs that indent, control characters. Size, depth and the copies that aliases make are bounded.

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace longclip {

/// What a value was written in: a file, or one `--set` on the command line.
struct ConfigSource {
  std::string name;              ///< as it stands in messages
  std::filesystem::path folder;  ///< absolute; relative paths in the source start here
  int order = 0;                 ///< 0: the file; a later override has a larger number
};

/// A value, list or mapping. Copies share the source.
struct ConfigNode {
  enum class Kind { kNull, kScalar, kList, kMapping };

  Kind kind = Kind::kNull;
  std::string key;                  ///< its key, if it stands in a mapping
  std::string text;                 ///< of a scalar
  bool quoted = false;              ///< a scalar in quotes, or a block of text
  std::vector<ConfigNode> entries;  ///< of a list or a mapping, in the order of the file; keys of a mapping are unique
  std::shared_ptr<const ConfigSource> source;
  int line = 0;  ///< from 1; 0 where the source has no lines
  int column = 0;

  /// The entry of a mapping with this key, or null.
  const ConfigNode* find(std::string_view wanted) const;
  /// "FILE:LINE:COLUMN", or the name of a source without lines.
  std::string where() const;
};

/// Throws the ConfigError "WHERE: KEY: reason".
[[noreturn]] void fail_at(const ConfigNode& node, std::string_view key, const std::string& reason);

/// Parses one YAML document whose places are given as FILE:LINE:COLUMN. Throws ConfigError.
ConfigNode parse_yaml(std::string_view text, const ConfigSource& source);

/// Reads a YAML file whose top level is a mapping. Throws DataError if it cannot be read, ConfigError for what is in it.
ConfigNode load_yaml(const std::filesystem::path& file);

/// Puts the value of "a.b=c" or "a.list[0].b=c" into the tree; the value is YAML, its relative paths start at the working
/// folder. Sections that do not exist are made (an unknown one is refused when the tree is read), entries of lists are not.
/// `order` is 1 for the first override. Throws ConfigError "--set a.b=c: ...".
void apply_override(ConfigNode& root, const std::string& assignment, int order);

}  // namespace longclip
