#pragma once
// tensors/safetensors_header.h -- what a safetensors file says about itself, checked; of bytes alone and without LibTorch.
// Source: huggingface/safetensors, safetensors/src/tensor.rs; its checks are ours.

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace longclip {

struct SafetensorsType {
  std::string_view name;
  int64_t size;  ///< bytes of an element
};
/// In the order of the reference library's enumeration; it writes tensors by falling type.
inline constexpr std::array<SafetensorsType, 10> kSafetensorsTypes{{{"BOOL", 1},
                                                                    {"U8", 1},
                                                                    {"I8", 1},
                                                                    {"I16", 2},
                                                                    {"F16", 2},
                                                                    {"BF16", 2},
                                                                    {"I32", 4},
                                                                    {"F32", 4},
                                                                    {"F64", 8},
                                                                    {"I64", 8}}};
inline constexpr const char* kSafetensorsMetadata = "__metadata__";

/// One tensor. Its bytes are [begin, end) of SafetensorsHeader::data, as many as type and sizes need.
struct SafetensorsEntry {
  std::string name;
  size_t type = 0;  ///< its place in kSafetensorsTypes
  std::vector<int64_t> sizes;
  uint64_t begin = 0;
  uint64_t end = 0;
};

struct SafetensorsHeader {
  std::map<std::string, std::string> metadata;
  std::vector<SafetensorsEntry> entries;  ///< in the order of their bytes, which fill `data` without a hole
  std::span<const uint8_t> data;          ///< of the file: what stands behind the header
};

/// `path` is for errors. Throws DataError "PATH: ..." as read_safetensors() says.
SafetensorsHeader read_safetensors_header(std::span<const uint8_t> file, const std::string& path);

}  // namespace longclip
