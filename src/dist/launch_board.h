#pragma once
// dist/launch_board.h -- what the launchers of one run tell each other: node 0's serves the store that its ranks use too.

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace longclip {

struct LaunchStore;

/// One launcher among the others.
struct LaunchNode {
  int64_t num_nodes = 1;
  int64_t node_rank = 0;
  int64_t num_ranks = 1;  ///< on this machine; may differ from machine to machine
  std::string master_address = "127.0.0.1";
  int64_t master_port = 0;   ///< 0: any free one (a single machine only)
  int64_t max_restarts = 0;  ///< node 0's counts
};

/// How an attempt ended: on one machine, or for all of them together.
struct AttemptEnd {
  int code = 0;
  std::string what;         ///< "rank 3 (node0, pid 77) exit code 1"; empty where nothing failed
  bool stop_asked = false;  ///< a launcher was told to stop: nobody starts again
};

/// Every method throws DistError when the store is gone, that is: node 0's launcher.
class LaunchBoard {
 public:
  /// Meets the other launchers, at most for `timeout`. Throws DistError as connect_store() does.
  static LaunchBoard open(const LaunchNode& node, std::chrono::milliseconds timeout);
  LaunchBoard(LaunchBoard&&) noexcept;
  LaunchBoard& operator=(LaunchBoard&&) noexcept;
  ~LaunchBoard();

  int64_t port() const { return port_; }
  const std::string& run_id() const { return run_id_; }  ///< made up for this run, the same on every machine
  int64_t first_rank() const { return first_rank_; }     ///< of this machine
  int64_t world_size() const { return world_size_; }
  int64_t max_restarts() const { return max_restarts_; }

  /// A rank of this machine failed; the first report counts, but "peer lost" gives way to any other.
  void report_failure(int64_t attempt, const AttemptEnd& end);
  /// The failure that counts, wherever it was. Also says that this launcher is alive.
  std::optional<AttemptEnd> failure(int64_t attempt);
  /// All ranks of this machine are gone.
  void report_end(int64_t attempt, const AttemptEnd& end);
  /// How the attempt ended, once every machine has reported. Throws DistError where a launcher fell silent.
  std::optional<AttemptEnd> common_end(int64_t attempt);
  /// Node 0 waits a moment until the others know the end; nobody else waits.
  void leave();

 private:
  LaunchBoard(const LaunchNode& node, std::chrono::milliseconds timeout);
  void check_alive(int64_t node);
  template <class Action> auto guarded(Action&& action);

  LaunchNode node_;
  std::unique_ptr<LaunchStore> store_;
  int64_t port_ = 0, first_rank_ = 0, world_size_ = 0, max_restarts_ = 0;
  std::string run_id_;
  struct Beat {
    int64_t count = -1;
    std::chrono::steady_clock::time_point seen;
  };
  std::map<int64_t, Beat> beats_;
};

}  // namespace longclip
