#pragma once
// report/metrics_log.h -- metrics.jsonl of a run: one JSON object a line, in the order of the steps.
// Also fits any other list of JSON lines that have a `step` (bad_samples.jsonl).

#include <cstdint>
#include <filesystem>

#include "base/json.h"
#include "base/append_file.h"

namespace longclip {

class MetricsLog {
 public:
  /// Opens or creates the file; what it holds stays.
  explicit MetricsLog(const std::filesystem::path& path) : file_(path) {}

  /// Appends one line, keys in the order of `record`; a number that is not finite becomes null. The line is with the
  /// operating system when this returns, or held back (base/append_file.h).
  void append(const Json& record);
  AppendFile& file() { return file_; }

  /// On resume from a checkpoint of `step` completed steps: keeps the lines whose integer `step` is at most that, in
  /// one atomic replacement. Lines that cannot be read (the part of a line that a kill left, zeros after a power
  /// failure) go too, with a warning. Returns the number of lines dropped.
  int64_t drop_after(int64_t step);

 private:
  AppendFile file_;
};

}  // namespace longclip
