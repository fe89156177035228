#pragma once
// base/error.h -- the kinds of failure, each with the exit code that `longclip` ends with.
// Library code throws these; only main() turns them into an exit code (docs/structure.md).

#include <spdlog/fmt/fmt.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace longclip {

/// Exit codes of the program.
enum ExitCode : int {
  kExitDone = 0,
  kExitFailed = 1,      ///< the run failed; the message says where
  kExitBadInput = 2,    ///< wrong usage, config or input
  kExitPeerLost = 3,    ///< another rank is gone
  kExitInterrupted = 130,  ///< stopped by SIGINT
  kExitTerminated = 143,   ///< stopped by SIGTERM or SIGUSR1
};

/// The user must change something: usage, a config key, a file. Exit code 2.
struct InputError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// A config file or override is wrong; the message holds file:line:column and the key.
struct ConfigError : InputError {
  using InputError::InputError;
};
/// A data file, checkpoint or picture is unusable; the message names it and, if there is one, the line.
struct DataError : InputError {
  using InputError::InputError;
};
/// Features are not finite: the model has diverged or its weights are damaged.
struct NotFiniteError : DataError {
  using DataError::DataError;
};
/// A rank or a collective failed. Exit code 3.
struct DistError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// A tensor has another shape than the caller promised.
struct ShapeError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// The run ends early because of a signal, after what must be saved was saved.
struct Stopped : std::runtime_error {
  Stopped(int code, const std::string& what) : std::runtime_error(what), exit_code(code) {}
  int exit_code;
};

/// Throws Error with a formatted message: fail<DataError>("{}:{}: {}", file, line, reason).
template <class Error, class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

/// Throws Error unless `condition` holds.
template <class Error, class... Args>
void require(bool condition, fmt::format_string<Args...> format, Args&&... args) {
  if (!condition) throw Error(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace longclip
