#pragma once
// train/source_spec.h -- a data set named on the command line, for example `triples:val.jsonl,images=photos,limit=1000`.

#include <optional>
#include <string>

#include "base/source_config.h"

namespace longclip {

/// Reads FORMAT:PATH[,KEY=VALUE]..., or a YAML flow mapping {format: FORMAT, path: PATH, KEY: VALUE}, with the keys of
/// SourceConfig. Paths are relative to the working folder and come out absolute. A path that holds a comma needs the mapping.
/// With `format`, that of a protocol, the spec is PATH[,KEY=VALUE]... or a mapping without `format`.
/// Throws ConfigError naming the spec and the key.
SourceConfig parse_source_spec(const std::string& spec, std::optional<SourceFormat> format = std::nullopt);

}  // namespace longclip
