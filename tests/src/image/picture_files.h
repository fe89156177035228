#pragma once
// tests/src/image/picture_files.h -- reading reference pictures from disk.

#include <filesystem>
#include <span>
#include <string>

#include "base/file.h"
#include "image/decode.h"

namespace longclip::test {

inline std::span<const uint8_t> as_bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

inline Picture load_picture(const std::filesystem::path& path) {
  const std::string file = read_file(path);
  return decode_picture(as_bytes(file), path.string());
}

}  // namespace longclip::test
