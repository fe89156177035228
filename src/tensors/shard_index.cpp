// tensors/shard_index.cpp -- see tensors/shard_index.h
#include "tensors/shard_index.h"

#include "base/error.h"
#include "base/json.h"

namespace longclip {

std::map<std::string, std::vector<std::string>> parse_shard_index(std::string_view text, const std::string& path) {
  const Json index = parse_json(text, path, {.max_values = kMaxCheckpointValues});
  const auto map = index.is_object() ? index.find("weight_map") : index.end();
  require<DataError>(map != index.end() && map->is_object(), "{}: has no weight_map", path);
  std::map<std::string, std::vector<std::string>> shards;
  for (const auto& [name, value] : map->items()) {
    require<DataError>(value.is_string(), "{}: the file of '{}' must be text", path, name);
    const auto& file = value.get_ref<const std::string&>();
    const bool is_name = !file.empty() && file.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos &&
                         file != "." && file != "..";
    require<DataError>(is_name, "{}: the file of '{}' is not a file name in the same folder: {}", path, name,
                       to_json_line(value));
    shards[file].push_back(name);
  }
  return shards;
}

}  // namespace longclip
