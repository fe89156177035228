// train/source_spec.cpp -- both spellings of a spec become the same tree and go through the same reader as a config file.
#include "train/source_spec.h"

#include "base/error.h"
#include "config/section_reader.h"
#include "config/section_reference.h"
#include "data/formats/index_cache.h"

namespace longclip {
namespace {

void add_entry(ConfigNode& mapping, const std::string& key, const std::string& text) {
  if (mapping.find(key) != nullptr) fail<ConfigError>("{}: duplicate key '{}'", mapping.where(), key);
  ConfigNode& entry = mapping.entries.emplace_back();
  entry.kind = ConfigNode::Kind::kScalar;
  entry.key = key;
  entry.text = text;
  entry.source = mapping.source;
}

ConfigNode parse_short_form(const std::string& spec, const ConfigSource& source, bool has_format) {
  const size_t colon = spec.find(':');
  if (has_format && colon == std::string::npos) {
    fail<ConfigError>("{}: must be FORMAT:PATH[,images=DIR][,split=NAME][,skip=N][,limit=N]; formats are {}", source.name,
                      type_text<SourceFormat>({}));
  }
  ConfigNode mapping;
  mapping.kind = ConfigNode::Kind::kMapping;
  mapping.source = std::make_shared<const ConfigSource>(source);
  if (has_format) add_entry(mapping, "format", spec.substr(0, colon));
  size_t start = has_format ? colon + 1 : 0;
  size_t comma = spec.find(',', start);
  add_entry(mapping, "path", spec.substr(start, comma - start));
  while (comma != std::string::npos) {
    start = comma + 1;
    comma = spec.find(',', start);
    const std::string part = spec.substr(start, comma - start);
    const size_t equals = part.find('=');
    if (equals == std::string::npos) {
      fail<ConfigError>("{}: '{}' is not KEY=VALUE; a path with a comma is written {{format: ..., path: \"...\"}}",
                        source.name, part);
    }
    add_entry(mapping, part.substr(0, equals), part.substr(equals + 1));
  }
  return mapping;
}

}  // namespace

SourceConfig parse_source_spec(const std::string& spec, std::optional<SourceFormat> format) {
  const ConfigSource source{fmt::format("data '{}'", spec), std::filesystem::current_path(), 1};
  ConfigNode tree = spec.starts_with('{') ? parse_yaml(spec, source) : parse_short_form(spec, source, !format);
  if (format) add_entry(tree, "format", std::string(enum_name(*format)));
  SourceConfig config;
  read_section(tree, "", config);
  config.cache_dir = default_cache_dir();
  return config;
}

}  // namespace longclip
