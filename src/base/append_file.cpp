// base/append_file.cpp -- open, write, take back what was written in part, close.
#include "base/append_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/log.h"

namespace longclip {
namespace {

int open_for_append(const std::filesystem::path& path, int flags) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | flags, 0644);
  if (descriptor < 0) fail<std::runtime_error>("cannot write {}: {}", path.string(), std::strerror(errno));
  return descriptor;
}

/// All of `bytes` or none of them. Returns the system's reason, 0 for success.
int write_whole(int descriptor, std::string_view bytes) {
  struct stat before {};
  if (::fstat(descriptor, &before) != 0) return errno;
  while (!bytes.empty()) {  // a second round happens only where the system took a part: a full disk, a signal
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (const int reason = errno; reason != EINTR) {
      // A device (/dev/full) cannot be cut, and holds no half record either.
      return S_ISREG(before.st_mode) && ::ftruncate(descriptor, before.st_size) != 0 ? errno : reason;
    }
  }
  return 0;
}

}  // namespace

AppendFile::AppendFile(const std::filesystem::path& path, Mode mode) : path_(path) {
  if (path_.has_parent_path()) std::filesystem::create_directories(path_.parent_path());
  if (mode != Mode::kWhenNeeded) descriptor_ = open_for_append(path_, mode == Mode::kCreateNew ? O_EXCL : 0);
}

AppendFile::~AppendFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void AppendFile::append(std::string_view bytes) {
  const bool failed_before = !failure_.empty();
  held_back_ += bytes;
  write_held_back();
  if (failed_before && failure_.empty()) log_info("{} takes lines again; those held back are written", path_.string());
  if (!failed_before && !failure_.empty()) log_error("{}; lines are held back in memory until it can be written", failure_);
}

void AppendFile::flush() {
  if (!held_back_.empty()) append({});
  require<std::runtime_error>(failure_.empty(), "{}", failure_);
}

void AppendFile::write_held_back() {
  failure_.clear();
  try {
    if (descriptor_ < 0) descriptor_ = open_for_append(path_, 0);
    const int reason = write_whole(descriptor_, held_back_);
    require<std::runtime_error>(reason == 0, "cannot write {}: {}", path_.string(), std::strerror(reason));
    held_back_.clear();
  } catch (const std::runtime_error& error) {
    failure_ = error.what();
  }
}

void AppendFile::reopen() {
  const int descriptor = open_for_append(path_, 0);
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = descriptor;
}

}  // namespace longclip
