// data/epoch_order.cpp -- a keyed permutation over all visits of an epoch, then the row behind each visit.
#include "data/epoch_order.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random.h"

namespace longclip {
namespace {

/// floor(weight x rows). The factor keeps 0.29 x 100 at 29: the product is 28.999999999999996 in double.
int64_t visits_of(int64_t rows, double weight) {
  const double visits = std::floor(weight * static_cast<double>(rows) * (1 + 1e-12));
  require<InputError>(visits >= 0 && visits < 0x1p53, "weight {} of a source of {} rows is out of range", weight, rows);
  return static_cast<int64_t>(visits);
}

}  // namespace

EpochOrder::EpochOrder(std::vector<SourceSize> sources, const OrderOptions& options)
    : sources_(std::move(sources)), options_(options), first_visit_{0} {
  int64_t usable = 0;
  for (const SourceSize& source : sources_) {
    first_visit_.push_back(first_visit_.back() + visits_of(source.rows, source.weight));
    usable += visits_of(source.rows - source.bad_rows, source.weight);
  }
  require<InputError>(options_.pairs_per_step > 0, "data.pairs_per_step is {}, it must be at least 1",
                      options_.pairs_per_step);
  require<InputError>(usable > 0, "no usable row is left in the {} rows of data.train", visits());
  require<InputError>(
      options_.pairs_per_step <= usable,
      "data.pairs_per_step is {}, but there are {} usable rows an epoch: no complete step exists; lower "
      "data.pairs_per_step to at most {}",
      options_.pairs_per_step, usable, usable);
}

int64_t EpochOrder::steps_per_epoch() const {
  const int64_t partial = options_.drop_last ? 0 : options_.pairs_per_step - 1;
  return (visits() + partial) / options_.pairs_per_step;
}

int64_t EpochOrder::pairs_per_rank(int64_t world_size) const {
  require<InputError>(world_size > 0 && options_.pairs_per_step % world_size == 0,
                      "data.pairs_per_step is {}, which {} processes do not divide; choose a multiple of {}",
                      options_.pairs_per_step, world_size, world_size);
  return options_.pairs_per_step / world_size;
}

RowId EpochOrder::at(int64_t epoch, int64_t position) const {
  const auto in_epoch = static_cast<uint64_t>(position % visits());
  const KeyedPermutation order(static_cast<uint64_t>(visits()), options_.seed, static_cast<uint64_t>(epoch));
  const auto visit = static_cast<int64_t>(order.at(in_epoch));
  const auto after = std::upper_bound(first_visit_.begin(), first_visit_.end(), visit);
  const int64_t source = after - first_visit_.begin() - 1;
  const int64_t rows = sources_[static_cast<size_t>(source)].rows;
  const int64_t first = first_visit_[static_cast<size_t>(source)];
  const int64_t per_epoch = *after - first;
  if (per_epoch % rows == 0) return {source, (visit - first) % rows};
  // The visits of all epochs in a row, in rounds of `rows` visits, each round in an order of its own.
  const int64_t running = epoch * per_epoch + visit - first;
  const uint64_t round_key = mix_keys(options_.seed, 0x77656967687473ULL, static_cast<uint64_t>(source));
  const KeyedPermutation round(static_cast<uint64_t>(rows), round_key, static_cast<uint64_t>(running / rows));
  return {source, static_cast<int64_t>(round.at(static_cast<uint64_t>(running % rows)))};
}

StepPlace EpochOrder::place(int64_t step) const {
  const int64_t in_epoch = step % steps_per_epoch();
  return {step / steps_per_epoch(), in_epoch * options_.pairs_per_step};
}

}  // namespace longclip
