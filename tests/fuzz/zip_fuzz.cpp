// tests/fuzz/zip_fuzz.cpp -- any bytes as the zip file of torch.save: records lie in the file and apart from each other.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "base/error.h"
#include "tensors/zip_archive.h"

namespace {

using Bytes = std::span<const uint8_t>;

void check(bool condition) {
  if (!condition) std::abort();
}

/// The archive maps a file; this one lies in memory only. Its path, the same for every input.
const std::string& write_file(Bytes bytes) {
  static const int kFile = memfd_create("fuzz", 0);
  static const std::string kPath = "/proc/self/fd/" + std::to_string(kFile);
  check(kFile >= 0 && ftruncate(kFile, 0) == 0);
  check(pwrite(kFile, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  return kPath;
}

/// A record, or nothing if it is absent, compressed or damaged.
Bytes record_of(const longclip::ZipArchive& archive, const std::string& name) {
  try {
    return archive.read(name);
  } catch (const longclip::DataError&) {
    return {};
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string& path = write_file({data, size});
  try {
    const longclip::ZipArchive archive(path);
    const std::string root = archive.root();
    check(archive.contains(root + "/data.pkl") && root.find('/') == std::string::npos);
    const Bytes pickle = record_of(archive, root + "/data.pkl"), storage = record_of(archive, root + "/data/0");
    check(pickle.size() + storage.size() <= size);
    for (const Bytes record : {pickle, storage}) {
      check(std::search(data, data + size, record.begin(), record.end()) != data + size || record.empty());
    }
    const bool are_apart = pickle.data() + pickle.size() <= storage.data() || storage.data() + storage.size() <= pickle.data();
    check(are_apart || pickle.empty() || storage.empty());
  } catch (const longclip::DataError&) {
    // Refused: the other good end.
  }
  return 0;
}
