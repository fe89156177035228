#pragma once
// tests/support/file_size_limit.h -- a disk that takes no more, for one process and without root: RLIMIT_FSIZE.

#include <sys/resource.h>

#include <csignal>

namespace longclip::test {

/// While it lives, a write beyond the first `bytes` of a file takes what fits, and the next one fails (EFBIG).
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
};

}  // namespace longclip::test
