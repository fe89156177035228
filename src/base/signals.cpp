// base/signals.cpp -- one atomic integer set by the handlers.
#include "base/signals.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <atomic>

#include "base/error.h"

namespace longclip {
namespace {
std::atomic<int> g_exit_code{0};
static_assert(std::atomic<int>::is_always_lock_free, "signal handlers need a lock-free flag");

void on_signal(int number) {
  const int code = number == SIGINT ? kExitInterrupted : kExitTerminated;
  // Slurm may send TERM more than once; only a second Ctrl-C means "now".
  if (g_exit_code.exchange(code) != 0 && number == SIGINT) _exit(code);
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
