// support/child_process.cpp -- fork, RLIMIT_CPU and wait4.
#include "support/child_process.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <stdexcept>

namespace longclip::test {

ChildOutcome run_in_child(const std::function<int()>& function, int64_t max_seconds) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) {
    const rlimit limit{static_cast<rlim_t>(max_seconds), static_cast<rlim_t>(max_seconds)};
    setrlimit(RLIMIT_CPU, &limit);
    _exit(function());
  }
  int status = 0;
  rusage usage{};
  if (wait4(child, &status, 0, &usage) != child) throw std::runtime_error("wait4 failed");
  const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6; };
  return {.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
          .processor_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime),
          .peak_bytes = static_cast<int64_t>(usage.ru_maxrss) * 1024};
}

}  // namespace longclip::test
