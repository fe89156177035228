#pragma once
// data/distribution.h -- how often each whole number came, and what is said about that: range, median, mean, histogram.

#include <cstdint>
#include <map>
#include <vector>

#include "base/json.h"

namespace longclip {

class Distribution {
 public:
  void add(int64_t value) { ++counts_[value]; }
  int64_t count() const;
  /// The smallest value that at least `share` (in (0, 1]) of all values do not exceed; 0 if there are none.
  int64_t quantile(double share) const;
  int64_t min() const { return counts_.empty() ? 0 : counts_.begin()->first; }
  int64_t max() const { return counts_.empty() ? 0 : counts_.rbegin()->first; }
  double mean() const;
  /// Values that are greater than `bound`.
  int64_t above(int64_t bound) const;

  /// Values in [from, to].
  struct Bucket {
    int64_t from, to, count;
  };
  /// Buckets whose ends are `ends` (ascending), and one more for what is greater; empty ones at both ends are left out.
  std::vector<Bucket> histogram(const std::vector<int64_t>& ends) const;

 private:
  std::map<int64_t, int64_t> counts_;
};

/// {"count", "min", "median", "mean", "max"}, and "histogram": [[from, to, count], ...] where `ends` are given.
Json to_json(const Distribution& distribution, const std::vector<int64_t>& ends = {});

}  // namespace longclip
