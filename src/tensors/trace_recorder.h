#pragma once
// tensors/trace_recorder.h -- a Chrome trace of everything that torch does meanwhile, for ui.perfetto.dev.

#include <filesystem>

namespace longclip {

/// Records from construction to save() every operation of the calling thread and of those that autograd starts, with the shapes of
/// its inputs, and the kernels of a GPU. One at a time in a process.
class TraceRecorder {
 public:
  explicit TraceRecorder(bool with_gpu);
  /// Ends a recording that was not saved.
  ~TraceRecorder();
  TraceRecorder(const TraceRecorder&) = delete;
  TraceRecorder& operator=(const TraceRecorder&) = delete;

  /// Ends the recording and writes `file`; its folder is made. Throws std::exception that names the file if it cannot be written.
  void save(const std::filesystem::path& file);

 private:
  bool recording_ = false;
};

}  // namespace longclip
