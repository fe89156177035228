// tensors/atomic_output.cpp -- temporary file, fsync, rename, fsync of the folder.
#include "tensors/atomic_output.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/file.h"

namespace longclip {
namespace fs = std::filesystem;

AtomicOutput::AtomicOutput(fs::path path)
    : path_(std::move(path)), temporary_(path_.string() + ".tmp" + std::to_string(::getpid())) {
  if (path_.has_parent_path()) fs::create_directories(path_.parent_path());
  file_.open(temporary_, std::ios::binary | std::ios::trunc);
  require<std::runtime_error>(file_.is_open(), "cannot create {}: {}", temporary_.string(), std::strerror(errno));
}

AtomicOutput::~AtomicOutput() {
  if (committed_) return;
  file_.close();
  std::error_code ignored;
  fs::remove(temporary_, ignored);
}

void AtomicOutput::write(const void* data, size_t num_bytes) {
  file_.write(static_cast<const char*>(data), static_cast<std::streamsize>(num_bytes));
  require<std::runtime_error>(file_.good(), "cannot write {}: {}", temporary_.string(), std::strerror(errno));
}

void AtomicOutput::commit() {
  file_.close();
  require<std::runtime_error>(file_.good(), "cannot write {}: {}", temporary_.string(), std::strerror(errno));
  sync_to_disk(temporary_);
  fs::rename(temporary_, path_);
  committed_ = true;
  sync_to_disk(path_.has_parent_path() ? path_.parent_path() : fs::path("."));
}

}  // namespace longclip
