#pragma once
// data/epoch_order.h -- which row is visited when: the order of an epoch, its steps, and each rank's share of a step.
// A pure function of (seed, epoch, position): a run resumes at any step, on any number of ranks, without a replay.

#include <cstdint>
#include <vector>

namespace longclip {

/// A row of one of the sources, both counted from 0.
struct RowId {
  int64_t source = 0;
  int64_t row = 0;
  auto operator<=>(const RowId&) const = default;
};

/// What the order has to know of a source.
struct SourceSize {
  int64_t rows = 0;
  int64_t bad_rows = 0;  ///< of these, known to be unusable
  double weight = 1;     ///< floor(weight x rows) visits an epoch
};

struct OrderOptions {
  uint64_t seed = 0;
  int64_t pairs_per_step = 1;  ///< over all ranks
  bool drop_last = true;       ///< false: the last step of an epoch is filled up from the start of its order
};

/// Where a step lies in its epoch.
struct StepPlace {
  int64_t epoch = 0;
  int64_t position = 0;  ///< of its first pair
};

/// Every epoch visits all rows of a source of weight 1 once. Of a source of another weight it visits
/// floor(weight x rows) rows, which move on from epoch to epoch so that all its rows come equally often.
class EpochOrder {
 public:
  /// Throws InputError if not one complete step is there (with both numbers).
  EpochOrder(std::vector<SourceSize> sources, const OrderOptions& options);
  /// Positions of an epoch, bad rows included: these are replaced, not left out.
  int64_t visits() const { return first_visit_.back(); }
  int64_t steps_per_epoch() const;
  int64_t pairs_per_step() const { return options_.pairs_per_step; }
  /// Throws InputError with both numbers unless the ranks divide a step.
  int64_t pairs_per_rank(int64_t world_size) const;
  /// The row at `position` of `epoch`. Positions wrap at visits().
  RowId at(int64_t epoch, int64_t position) const;
  /// `step` counts from 0 over all epochs.
  StepPlace place(int64_t step) const;

 private:
  std::vector<SourceSize> sources_;
  OrderOptions options_;
  std::vector<int64_t> first_visit_;  // [source], and visits() at the end
};

}  // namespace longclip
