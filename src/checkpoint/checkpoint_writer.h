#pragma once
// checkpoint/checkpoint_writer.h -- writes checkpoints in a thread while the training goes on: first a copy in memory,
// then the files from the copy. One at a time. How the files are written: checkpoint/checkpoint_folder.h.

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "checkpoint/checkpoint_folder.h"
#include "tensors/snapshot.h"

namespace longclip {

/// A checkpoint that could not be written. The older ones and `latest` are as they were.
struct WriteFailure {
  int64_t step = 0;
  std::string reason;  ///< names the file, with the system's reason
};

/// All methods belong to one thread, that of the training.
class CheckpointWriter {
 public:
  /// Checkpoints of `run_dir`. The thread starts with allocating the copy's memory for tensors like those of `like`, and with
  /// removing what a killed process left half written.
  CheckpointWriter(std::filesystem::path run_dir, CheckpointConfig config, const Checkpoint& like);
  /// Finishes the write in work.
  ~CheckpointWriter();

  /// Begins to copy and then to write `live`, and returns. Its tensors must not change before wait_for_snapshot() returned.
  /// Waits for the write in work, if there is one.
  void start(Checkpoint live);
  /// Returns once the copy of the last start() is complete (or failed). At once where none is in work.
  void wait_for_snapshot();
  /// Returns once nothing is in work.
  void wait_until_idle();
  /// What failed since the last call, once. Never waits.
  std::optional<WriteFailure> take_failure();

 private:
  /// Memory for one checkpoint.
  struct Copy {
    explicit Copy(const Checkpoint& like);
    void begin(Checkpoint live);
    void finish();
    Snapshot model, optimizer;
    Checkpoint checkpoint;  // its tensors are those of the snapshots
  };
  enum class Phase { kAllocate, kIdle, kCopy, kWrite };
  void work(Checkpoint like);
  void prepare(const Checkpoint& like);
  void write_one();
  void enter(Phase phase);
  bool wait_for_request();

  const std::filesystem::path run_dir_;
  const CheckpointConfig config_;
  std::optional<Copy> copy_;  // the thread's, but while idle
  std::mutex mutex_;          // guards phase_, failure_ and ending_
  std::condition_variable changed_;
  Phase phase_ = Phase::kAllocate;
  std::optional<WriteFailure> failure_;
  bool ending_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace longclip
