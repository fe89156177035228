// tests/src/tensors/torch_archive.cpp -- PyTorch's own writer around hand-made pickles.
#include "torch_archive.h"

#include <caffe2/serialize/inline_container.h>

#include <fstream>

namespace longclip::test {

void write_archive(const std::filesystem::path& path, const std::map<std::string, std::string>& records) {
  std::ofstream file(path, std::ios::binary);
  caffe2::serialize::PyTorchStreamWriter writer([&](const void* data, size_t size) {
    file.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
    return size;
  });
  for (const auto& [name, bytes] : records) writer.writeRecord(name, bytes.data(), bytes.size());
  writer.writeEndOfFile();
}

std::string text(const std::string& value) {
  const auto length = static_cast<uint32_t>(value.size());
  return joined("X", std::string(reinterpret_cast<const char*>(&length), 4), value);
}

std::string global(const std::string& module, const std::string& name) { return joined("c", module, "\n", name, "\n"); }

std::string integer(int64_t value) { return joined("\x8a\x08", std::string(reinterpret_cast<const char*>(&value), 8)); }

std::string tensor(const std::string& key, int64_t storage_size, int64_t offset, const std::string& sizes,
                   const std::string& strides) {
  const std::string storage = joined("(", text("storage"), global("torch", "FloatStorage"), text(key), text("cpu"),
                                     integer(storage_size), "tQ");
  const std::string hooks = joined(global("collections", "OrderedDict"), ")R");
  return joined(global("torch._utils", "_rebuild_tensor_v2"), "(", storage, integer(offset), sizes, strides, "\x89",
                hooks, "tR");
}

std::string dict_of(const std::string& name, const std::string& value) {
  return joined("\x80\x02}", text(name), value, "s.");
}

}  // namespace longclip::test
