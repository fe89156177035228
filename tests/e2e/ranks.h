#pragma once
// tests/e2e/ranks.h -- several ranks of `longclip train`, as plain processes that a test can kill, stop and listen to.

#include <sys/types.h>

#include <csignal>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "support/reference_data.h"

namespace longclip::test {

/// How a rank ended.
struct RankEnd {
  int exit_code = 0;   ///< 128 + the signal that killed it
  double seconds = 0;  ///< after the last signal that the test sent to any rank
  std::string err;
  /// The lines of level error.
  std::vector<std::string> errors() const;
};

/// Where and how one rank runs.
struct RankPlace {
  std::filesystem::path folder;
  std::string arguments;     ///< after `train run.yaml`
  std::string network = {};  ///< a network namespace; empty: this one
};

/// The processes; those that still run at the end of the scope are killed. One thread each (OMP_NUM_THREADS=1).
class Ranks {
 public:
  /// `longclip train run.yaml ARGUMENTS` in the folder of each rank; they meet at a free port of `master`.
  explicit Ranks(std::vector<RankPlace> places, const std::string& master = "127.0.0.1");
  Ranks(int64_t world_size, const std::filesystem::path& folder, const std::string& arguments = "");
  ~Ranks();
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  void send(int64_t rank, int signal);
  void send_all(int signal);
  /// stderr so far.
  std::string err(int64_t rank) const;

  /// Polls until `condition` holds. False where a rank ended before, or after three minutes.
  bool wait_until(const std::function<bool()>& condition);
  bool ended(int64_t rank);
  /// Waits until that rank, or every rank, has ended. Throws where that takes three minutes.
  RankEnd wait_for(int64_t rank);
  std::vector<RankEnd> wait();

 private:
  struct Rank {
    pid_t process = -1;
    bool ended = false;
    RankEnd end;
  };
  int64_t size() const { return static_cast<int64_t>(ranks_.size()); }
  void start(const std::vector<RankPlace>& places, const std::string& master);

  TemporaryFolder streams_;
  std::vector<Rank> ranks_;
  double signalled_seconds_;
};

/// All ranks, started and waited for; all must end with `exit_code`.
std::vector<RankEnd> run_ranks(int64_t world_size, const std::filesystem::path& folder,
                               const std::string& arguments = "", int exit_code = 0);

/// What an experiment of several ranks is made of.
struct RanksExperiment {
  int64_t rows = 30;  ///< drawn scenes, at most 192
  int64_t pairs_per_step = 12;
  int64_t model_width = 32;
  bool bad_rows = false;  ///< lines 6, 12 and 18 cannot be used
  std::string more;       ///< further lines of YAML: schedule, loss, checkpoint ...
};
/// run.yaml, rows.jsonl and images in `folder`; the run folder is `out`, with row_ids.jsonl; fp32, lr 1e-3.
void write_ranks_experiment(const std::filesystem::path& folder, const RanksExperiment& experiment);

/// Makes the experiment in `folder` name its rows and pictures by an absolute path.
void read_rows_from(const std::filesystem::path& folder, const std::string& rows_folder);

/// Lines of a file; 0 where it is not there.
int64_t count_lines(const std::filesystem::path& file);
/// bad_samples.jsonl of the run in `folder`, with names relative to it.
std::string bad_samples(const std::filesystem::path& folder);
/// The run in `folder` has the steps 1 to `steps` once each in metrics.jsonl and row_ids.jsonl; its losses, row ids, bad
/// samples, last weights and optimizer are those of the run in `wanted`, to the bit.
void require_same_run(const std::filesystem::path& folder, const std::filesystem::path& wanted, int64_t steps);

/// Prints "NAME: 12.3 s".
class Stopwatch {
 public:
  explicit Stopwatch(std::string name);
  ~Stopwatch();
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  std::string name_;
  double started_seconds_;
};

}  // namespace longclip::test
