// base/file.cpp -- POSIX file access behind base/file.h.
#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/error.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags) : number_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

[[noreturn]] void fail_with_errno(const char* what, const fs::path& path) {
  fail<std::runtime_error>("cannot {} {}: {}", what, path.string(), std::strerror(errno));
}

void write_all(int descriptor, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_with_errno("write", path);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

FileIdentity identity_from(const struct stat& status) {
  return {static_cast<uint64_t>(status.st_size),
          static_cast<int64_t>(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec, status.st_ino};
}

}  // namespace

std::string read_file(const fs::path& path, uint64_t max_bytes) {
  std::error_code error;
  require<DataError>(!fs::is_directory(path, error), "{}: is a folder, a file is wanted", path.string());
  std::ifstream file(path, std::ios::binary);
  if (!file) fail<DataError>("{}: cannot be read: {}", path.string(), std::strerror(errno));
  const uint64_t size = fs::file_size(path, error);
  if (error) fail<DataError>("{}: {}", path.string(), error.message());
  require<DataError>(size <= max_bytes, "{}: {} bytes, more than the {} that are read", path.string(), size, max_bytes);
  std::string bytes(size, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(size));
  bytes.resize(static_cast<size_t>(file.gcount()));
  return bytes;
}

void write_file_atomically(const fs::path& path, std::string_view bytes) {
  if (path.has_parent_path()) fs::create_directories(path.parent_path());
  const fs::path temporary = path.string() + ".tmp" + std::to_string(::getpid());
  try {
    const Descriptor file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (file.number() < 0) fail_with_errno("create", temporary);
    write_all(file.number(), bytes, temporary);
    if (::fsync(file.number()) != 0) fail_with_errno("sync", temporary);
    fs::rename(temporary, path);
  } catch (...) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    throw;
  }
  sync_to_disk(path.has_parent_path() ? path.parent_path() : fs::path("."));
}

void sync_to_disk(const fs::path& path) {
  const Descriptor file(path, O_RDONLY);
  if (file.number() < 0) fail_with_errno("open", path);
  // Some file systems cannot sync a folder (EINVAL): there is nothing more to do then.
  if (::fsync(file.number()) != 0 && errno != EINVAL) fail_with_errno("sync", path);
}

void publish_folder(const fs::path& from, const fs::path& to) {
  sync_to_disk(from);
  fs::rename(from, to);
  sync_to_disk(to.has_parent_path() ? to.parent_path() : fs::path("."));
}

FileIdentity identity_of(const fs::path& file) {
  struct stat status {};
  require<DataError>(::stat(file.c_str(), &status) == 0, "{}: cannot be read: {}", file.string(), std::strerror(errno));
  return identity_from(status);
}

MappedFile::MappedFile(const fs::path& path) {
  const Descriptor file(path, O_RDONLY);
  if (file.number() < 0) fail<DataError>("{}: cannot be read: {}", path.string(), std::strerror(errno));
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) fail<DataError>("{}: {}", path.string(), std::strerror(errno));
  require<DataError>(S_ISREG(status.st_mode), "{}: is not a regular file", path.string());
  size_ = static_cast<size_t>(status.st_size);
  identity_ = identity_from(status);
  if (size_ == 0) return;
  void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.number(), 0);
  if (mapped == MAP_FAILED) fail<DataError>("{}: cannot be mapped: {}", path.string(), std::strerror(errno));
  data_ = static_cast<const uint8_t*>(mapped);
}

void MappedFile::release_pages() const {
  if (data_ != nullptr) ::madvise(const_cast<uint8_t*>(data_), size_, MADV_DONTNEED);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<uint8_t*>(data_), size_);
}

}  // namespace longclip
