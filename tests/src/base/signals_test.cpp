// tests/src/base/signals_test.cpp -- what one, two and late signals do to a process, each tried in a child.
#include "base/signals.h"

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <thread>

#include "base/error.h"

#include "support/catch.h"

namespace longclip {
namespace {

constexpr int kWentOn = 7;

/// The exit code of a child that installs the handlers and does `body`.
int exit_code_of(const std::function<void()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    install_stop_signals();
    body();
    _exit(kWentOn);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

/// Delivers both without a moment between them.
void raise_together(int one, int other) {
  sigset_t both;
  sigemptyset(&both);
  sigaddset(&both, one);
  sigaddset(&both, other);
  sigprocmask(SIG_BLOCK, &both, nullptr);
  raise(one);
  raise(other);
  sigprocmask(SIG_UNBLOCK, &both, nullptr);
}

}  // namespace

TEST_CASE("Signals: a first one is only remembered, with the exit code that it asks for", "[unit]") {
  for (const auto& [number, code] : {std::pair<int, int>{SIGTERM, kExitTerminated}, {SIGUSR1, kExitTerminated}, {SIGINT, kExitInterrupted}}) {
    REQUIRE(exit_code_of([number = number] {
              raise(number);
              _exit(stop_requested());
            }) == code);
  }
}

TEST_CASE("Signals: two at the same moment are one stop, a later one ends the process at once", "[unit]") {
  REQUIRE(exit_code_of([] { raise_together(SIGTERM, SIGUSR1); }) == kWentOn);
  REQUIRE(exit_code_of([] {
            raise(SIGTERM);
            std::this_thread::sleep_for(std::chrono::milliseconds(600));
            raise(SIGTERM);
          }) == kExitTerminated);
  REQUIRE(exit_code_of([] {
            raise(SIGTERM);
            std::this_thread::sleep_for(std::chrono::milliseconds(600));
            raise(SIGINT);
          }) == kExitInterrupted);
}

TEST_CASE("Signals: a lost reader of standard output is an error of the write, not the end", "[unit]") {
  REQUIRE(exit_code_of([] { raise(SIGPIPE); }) == kWentOn);
}

}  // namespace longclip
