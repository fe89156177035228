// report/append_file.cpp -- open, write, close.
#include "report/append_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace longclip {
namespace {

int open_for_append(const std::filesystem::path& path, int flags) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | flags, 0644);
  if (descriptor < 0) fail<std::runtime_error>("cannot write {}: {}", path.string(), std::strerror(errno));
  return descriptor;
}

}  // namespace

AppendFile::AppendFile(const std::filesystem::path& path, Mode mode) : path_(path) {
  if (path_.has_parent_path()) std::filesystem::create_directories(path_.parent_path());
  descriptor_ = open_for_append(path_, mode == Mode::kCreateNew ? O_EXCL : 0);
}

AppendFile::~AppendFile() { ::close(descriptor_); }

void AppendFile::append(std::string_view bytes) {
  while (!bytes.empty()) {  // a second round happens only where the system took a part: a full disk, a signal
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail<std::runtime_error>("cannot write {}: {}", path_.string(), std::strerror(errno));
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

void AppendFile::reopen() {
  const int descriptor = open_for_append(path_, 0);
  ::close(descriptor_);
  descriptor_ = descriptor;
}

}  // namespace longclip
