#pragma once
// tensors/atomic_output.h -- a large file written piece by piece that appears complete or not at all.
// base/file.h does the same for bytes that are in memory as a whole; checkpoints are too large for that.

#include <cstddef>
#include <filesystem>
#include <fstream>

namespace longclip {

/// Writes to a temporary file beside `path`. commit() syncs it and renames it; without commit() nothing is left behind.
/// Errors are std::runtime_error with the system's reason.
class AtomicOutput {
 public:
  /// Makes missing parent folders.
  explicit AtomicOutput(std::filesystem::path path);
  ~AtomicOutput();
  AtomicOutput(const AtomicOutput&) = delete;
  AtomicOutput& operator=(const AtomicOutput&) = delete;

  void write(const void* data, size_t num_bytes);
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  std::ofstream file_;
  bool committed_ = false;
};

}  // namespace longclip
