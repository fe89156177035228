#pragma once
// tests/src/tensors/torch_archive.h -- .pt files with any data.pkl, for tests of what others or attackers write.

#include <filesystem>
#include <map>
#include <string>

namespace longclip::test {

/// Writes a torch archive with these records (names without the root folder).
void write_archive(const std::filesystem::path& path, const std::map<std::string, std::string>& records);

/// The parts one after another. (g++ 12 warns of `"literal" + std::string`, wrongly.)
template <class... Parts> std::string joined(const Parts&... parts) {
  std::string all;
  (all.append(parts), ...);
  return all;
}

/// Opcodes of a small pickle, to be joined: joined(global("os", "system"), text("ls"), "\x85R").
std::string text(const std::string& value);
std::string global(const std::string& module, const std::string& name);
std::string integer(int64_t value);
/// A float tensor: storage `key` of `storage_size` elements, seen with these sizes and strides (opcodes of tuples).
std::string tensor(const std::string& key, int64_t storage_size, int64_t offset, const std::string& sizes,
                   const std::string& strides);
/// PROTO 2, {name: value}, STOP.
std::string dict_of(const std::string& name, const std::string& value);

}  // namespace longclip::test
