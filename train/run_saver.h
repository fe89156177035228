#pragma once
// train/run_saver.h -- rank 0's side of saving: when a checkpoint is due, and what follows when the disk takes no more.
// Knows no other rank: what it wants is a verdict that the trainer lets all ranks agree on.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/append_file.h"
#include "base/progress.h"
#include "checkpoint/checkpoint_writer.h"

namespace longclip {

/// What happens at a step boundary. The largest verdict of all ranks counts.
enum class SaveVerdict : int64_t { kNothing, kSave, kFail };

class RunSaver {
 public:
  struct Content {
    std::function<Checkpoint()> checkpoint;  ///< of the moment of the call, with references to the live tensors
    std::vector<AppendFile*> files;          ///< the other files of the run, which hold back what a full disk does not take
    std::function<double()> clock_seconds = monotonic_seconds;  ///< decides what is due by time
  };
  /// `saved_step`: of the checkpoint that the run continues from, or -1. REQUIRES: the files outlive it.
  RunSaver(std::filesystem::path run_dir, const CheckpointConfig& config, Content content, int64_t saved_step);

  /// For the end of step `step`. Logs a write that failed meanwhile; kFail (and failure()) where checkpoint.on_error wants that.
  SaveVerdict verdict(int64_t step);
  /// Why the verdict was kFail.
  const std::string& failure() const { return failure_; }

  /// Begins a checkpoint of now; its thread writes it. Waits for the one before if that is still being written.
  void save();
  /// Call before weights or moments change: waits until the copy of the checkpoint in work is complete.
  void before_update();
  /// Returns when a checkpoint of `step`, which is now, and all lines are on disk; tries a few times under `retry`. Throws
  /// std::runtime_error that names the file that cannot be written and the newest checkpoint that is intact.
  void finish(int64_t step);
  /// One try of finish(). Empty, or what could not be written.
  std::string try_to_finish(int64_t step);
  /// Of the newest checkpoint that is written or in work, or -1.
  int64_t saved_step() const { return saved_step_; }

  /// Seconds that save() and before_update() took since the last call.
  double take_stall_seconds();

 private:
  bool due(int64_t step) const;
  void note(const std::optional<WriteFailure>& failure);
  std::string describe(const WriteFailure& failure) const;

  const std::filesystem::path run_dir_;
  const CheckpointConfig config_;
  const Content content_;
  int64_t saved_step_;                    // of the newest checkpoint that is written or in work
  double saved_seconds_;                  // when that began
  std::optional<double> retry_seconds_;   // when a failed one is tried again
  bool copying_ = false;                  // before_update() was not called since
  double stall_seconds_ = 0;
  std::string failure_;
  CheckpointWriter writer_;
};

}  // namespace longclip
