#pragma once
// tests/data/small_data.h -- a folder with a few one-coloured pictures and a JSONL of rows, for tests of the data part.

#include <set>
#include <string>
#include <vector>

#include "data/pair_dataset.h"
#include "support/reference_data.h"

namespace longclip::test {

/// Pictures 000.png, 001.png, ... of 8 x 6 pixels; picture i has the red value i.
class SmallData {
 public:
  /// `broken`: pictures that are empty files.
  explicit SmallData(int64_t rows, const std::set<int64_t>& broken = {});
  SourceConfig source() const;
  /// One source, skip bad rows however many there are, steps of `pairs_per_step`.
  DataConfig config(int64_t pairs_per_step) const;
  std::filesystem::path path(const std::string& name) const { return folder_ / name; }

 private:
  TemporaryFolder folder_;
};

/// A data set of side 4 with context 248.
DatasetOptions small_options(uint64_t seed = 0);

/// The row of the picture in a sample, by its colour.
int64_t picture_of(const Sample& sample);

}  // namespace longclip::test
