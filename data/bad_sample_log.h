#pragma once
// data/bad_sample_log.h -- the distinct rows that could not be used: counted, limited, listed in bad_samples.jsonl.
// One JSON object a line: {"source", "line", "image", "kind", "reason"}, in the order in which the steps met them.

#include <filesystem>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/append_file.h"
#include "data/formats/pair_source.h"

namespace longclip {

/// Not thread-safe: one thread adds, step after step, so that file and count are the same on every run.
class BadSampleLog {
 public:
  struct Options {
    std::filesystem::path file;  ///< empty: count only
    int64_t rows = 0;            ///< of all sources
    double max_bad_fraction = 1;
    /// Resume: only the first so many lines of the file stand before the checkpoint; the others are dropped.
    int64_t lines_to_keep = INT64_MAX;
  };
  /// Reads what `file` holds already. Throws DataError if that is not such a log.
  explicit BadSampleLog(Options options);

  /// Appends those that are new. Throws DataError with the counts once they are more than max_bad_fraction of all rows
  /// (they are written before, or held back: base/append_file.h).
  void add(const std::vector<BadRow>& rows);
  /// Distinct bad rows so far, which is also the number of lines in the file.
  int64_t count() const { return static_cast<int64_t>(known_.size()); }
  /// Null where rows are only counted.
  AppendFile* file() { return file_ ? &*file_ : nullptr; }

 private:
  void check_fraction(const BadRow& newest) const;

  Options options_;
  std::optional<AppendFile> file_;
  std::set<std::pair<std::string, int64_t>> known_;  // (source, line)
};

}  // namespace longclip
