#pragma once
// report/tensorboard.h -- scalars of a run as TensorBoard event files, written without TensorFlow or protobuf.
// The messages are those of tensorflow/core/util/event.proto and framework/summary.proto, encoded by hand.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/append_file.h"

namespace longclip {

/// Names and values of one step: {"loss", 3.2}.
using Scalars = std::vector<std::pair<std::string, double>>;

/// One new file `events.out.tfevents.<time>.<host>.<pid>` per writer in `folder`.
///
/// Resume: the files of earlier processes are cut back to `completed_steps` (each rewritten whole and atomically), so
/// that every step stands once whoever reads them. The new file then begins with a session start at the step after: a
/// TensorBoard that is open meanwhile has the old values in memory, and that is its sign to forget the steps from there
/// on (tensorboard/backend/event_processing/event_accumulator.py, _CheckForRestartAndMaybePurge).
class TensorBoardWriter {
 public:
  /// `completed_steps` is the step of the checkpoint that the run continues from, 0 at the start of a run.
  /// Throws std::runtime_error if the folder cannot be written.
  explicit TensorBoardWriter(const std::filesystem::path& folder, int64_t completed_steps = 0);

  /// Appends the values of one step, stored in single precision (NaN and infinity are kept: TensorBoard marks them).
  /// They are with the operating system when this returns, or held back (base/append_file.h).
  void add_scalars(int64_t step, const Scalars& scalars);
  AppendFile& file() { return *file_; }
  const std::filesystem::path& path() const { return file_->path(); }

 private:
  std::unique_ptr<AppendFile> file_;
};

/// Cuts the event files of `folder` back to events of at most `step`; the damaged end of a file goes too, other files
/// are left alone. Returns the number of event files there. The constructor does this; no folder is no error.
int64_t drop_events_after(const std::filesystem::path& folder, int64_t step);

}  // namespace longclip
