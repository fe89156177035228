#pragma once
// data/batch_loader.h -- threads that load samples ahead and hand out the batches of one rank, step after step.
// Shapes: B pairs of this rank, S side of the picture in pixels.

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "data/ordered_workers.h"
#include "data/pair_dataset.h"

namespace longclip {

/// How often something happened that is worth a line in the log.
struct SampleCounts {
  int64_t truncated_long = 0;
  int64_t truncated_short = 0;
  int64_t special_tokens = 0;   ///< samples with a spelled-out special token
  int64_t short_from_long = 0;  ///< first sentence of the long caption in place of a missing short one
  int64_t grey16 = 0;           ///< 16-bit grey pictures: values above 255 became white
  void add(const Sample& sample);
  void add(const SampleCounts& other);
};

/// This rank's pairs of one step.
struct PairBatch {
  int64_t step = 0;                                       ///< from 0
  int64_t epoch = 0;                                      ///< from 0
  at::Tensor pixels_BSS3;                                 ///< uint8, CPU, RGB; pinned when asked
  std::vector<std::vector<int32_t>> long_ids, short_ids;  // [pair], empty vectors where not needed
  std::vector<RowId> rows;                                // [pair]
  SampleCounts counts;
  std::vector<BadRow> skipped;  ///< bad rows met on the way, in order; not yet distinct
  double wait_seconds = 0;      ///< how long next() waited for it
};

struct LoaderOptions {
  int64_t first_step = 0;  ///< where a resumed run goes on
  int64_t last_step = 0;   ///< behind the last one: total steps of the run
  int64_t rank = 0;
  int64_t world_size = 1;
  int64_t workers = 1;         ///< threads that load samples, at least 1
  int64_t prefetch_steps = 2;  ///< finished batches that may wait, at least 1
  bool pin_memory = false;
};

/// The sequence of batches depends on the data set and the ranks alone, not on workers or prefetch_steps.
/// REQUIRES: `dataset` outlives the loader. One thread calls next(). Destroying it at any time ends the threads after
/// the samples they are at.
class BatchLoader {
 public:
  /// Throws InputError if the ranks do not divide a step.
  BatchLoader(const PairDataset& dataset, const LoaderOptions& options);
  ~BatchLoader();
  /// The batch of the next step. Rethrows what a worker threw at that step. REQUIRES: less than last_step - first_step
  /// batches were taken.
  PairBatch next();

 private:
  Sample load_sample(int64_t index) const;
  PairBatch collect(int64_t step);

  const PairDataset& dataset_;
  LoaderOptions options_;
  int64_t pairs_per_rank_;
  std::unique_ptr<OrderedWorkers<Sample>> samples_;
  std::unique_ptr<OrderedWorkers<PairBatch>> batches_;  // one thread, which copies samples together
};

}  // namespace longclip
