// base/signals.cpp -- two atomic integers set by the handlers.
#include "base/signals.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <ctime>

#include "base/error.h"

namespace longclip {
namespace {
std::atomic<int> g_exit_code{0};
std::atomic<int64_t> g_first_milliseconds{0};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<int64_t>::is_always_lock_free, "signal handlers need lock-free flags");

/// One Ctrl-C or one stop of a job may arrive twice: from the terminal or the batch system, and passed on by a launcher.
constexpr int64_t kSameSignalMilliseconds = 500;

int64_t now_milliseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

void on_signal(int number) {
  const int code = number == SIGINT ? kExitInterrupted : kExitTerminated;
  int none = 0;
  if (g_exit_code.compare_exchange_strong(none, code)) {
    g_first_milliseconds = now_milliseconds();
  } else if (now_milliseconds() - g_first_milliseconds > kSameSignalMilliseconds) {
    _exit(code);
  }
}
}  // namespace

void install_stop_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int number : {SIGINT, SIGTERM, SIGUSR1}) sigaction(number, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

void stop_with_parent() { prctl(PR_SET_PDEATHSIG, SIGTERM); }

int stop_requested() { return g_exit_code.load(); }

void throw_if_stop_requested() {
  if (const int code = stop_requested(); code != 0) {
    throw Stopped(code, code == kExitInterrupted ? "stopped by SIGINT" : "stopped by SIGTERM");
  }
}

void clear_stop_request() { g_exit_code = 0; }

}  // namespace longclip
