#pragma once
// train/rank_processes.h -- child processes of a launcher: each in a group of its own, none outlives the launcher.

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace longclip {

/// How a child died.
struct RankDeath {
  int64_t local_rank = 0;
  pid_t pid = 0;
  int code = 0;    ///< exit code, or 128 + signal
  int signal = 0;  ///< 0: it exited

  /// "exit code 1", "killed by signal 9 (Killed)".
  std::string text() const;
};

class RankProcesses {
 public:
  RankProcesses() = default;
  /// Kills those that still live.
  ~RankProcesses();
  RankProcesses(const RankProcesses&) = delete;
  RankProcesses& operator=(const RankProcesses&) = delete;

  /// Runs this very program with `arguments`, and `variables` over the launcher's own. SIGTERM when the launcher dies,
  /// whatever kills it. Returns the pid; throws std::runtime_error where the system gives no process.
  pid_t start(int64_t local_rank, const std::vector<std::string>& arguments,
              const std::map<std::string, std::string>& variables);
  /// Those that have died since the last call; does not wait.
  std::vector<RankDeath> reap();
  /// To the process group of every child that lives.
  void send(int signal) const;
  bool living() const { return !local_rank_of_.empty(); }

 private:
  std::map<pid_t, int64_t> local_rank_of_;
};

}  // namespace longclip
