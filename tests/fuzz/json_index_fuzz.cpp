// tests/fuzz/json_index_fuzz.cpp -- any bytes as the index of a checkpoint in several files: no file is outside of its
// folder, and no tensor is lost.
#include <cstdint>
#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/json.h"
#include "tensors/shard_index.h"

namespace {

void check(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const auto shards = longclip::parse_shard_index(text, "fuzz");
    size_t tensors = 0;
    for (const auto& [file, names] : shards) {
      const std::filesystem::path path = std::filesystem::path("folder") / file;
      check(path.lexically_normal() == path && path.parent_path() == "folder" && path.filename() == file);
      check(std::string_view(path.c_str()) == path.native() && !names.empty());
      tensors += names.size();
    }
    check(tensors == longclip::parse_json(text, "fuzz").at("weight_map").size());
  } catch (const longclip::DataError&) {
    // Refused: the other good end.
  }
  return 0;
}
