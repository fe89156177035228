// data/batch_loader.cpp -- samples in order from many threads, put together by one.
#include "data/batch_loader.h"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "base/progress.h"

namespace longclip {

void SampleCounts::add(const Sample& sample) {
  truncated_long += sample.long_truncated;
  truncated_short += sample.short_truncated;
  special_tokens += sample.holds_special_token;
  short_from_long += sample.short_from_long;
  grey16 += sample.picture.mode.starts_with("I;16");
}

void SampleCounts::add(const SampleCounts& other) {
  truncated_long += other.truncated_long;
  truncated_short += other.truncated_short;
  special_tokens += other.special_tokens;
  short_from_long += other.short_from_long;
  grey16 += other.grey16;
}

BatchLoader::BatchLoader(const PairDataset& dataset, const LoaderOptions& options)
    : dataset_(dataset), options_(options), pairs_per_rank_(dataset.order().pairs_per_rank(options.world_size)) {
  // Samples may be in work for the batch that is being put together and for the one after it.
  const OrderedWorkers<Sample>::Plan sample_plan{.first = options.first_step * pairs_per_rank_,
                                                 .last = options.last_step * pairs_per_rank_,
                                                 .window = pairs_per_rank_ + 2 * options.workers,
                                                 .threads = options.workers};
  samples_ =
      std::make_unique<OrderedWorkers<Sample>>(sample_plan, [this](int64_t index) { return load_sample(index); });
  const OrderedWorkers<PairBatch>::Plan batch_plan{
      .first = options.first_step, .last = options.last_step, .window = options.prefetch_steps, .threads = 1};
  batches_ = std::make_unique<OrderedWorkers<PairBatch>>(batch_plan, [this](int64_t step) { return collect(step); });
}

BatchLoader::~BatchLoader() { samples_->stop(); }  // wakes the thread that collects, which batches_ then joins

PairBatch BatchLoader::next() {
  const double started = monotonic_seconds();
  PairBatch batch = batches_->take();
  batch.wait_seconds = monotonic_seconds() - started;
  return batch;
}

Sample BatchLoader::load_sample(int64_t index) const {
  const StepPlace place = dataset_.order().place(index / pairs_per_rank_);
  return dataset_.load(place.epoch, place.position + options_.rank * pairs_per_rank_ + index % pairs_per_rank_);
}

PairBatch BatchLoader::collect(int64_t step) {
  PairBatch batch;
  batch.step = step;
  batch.epoch = dataset_.order().place(step).epoch;
  const int64_t size = dataset_.options().image_size;
  batch.pixels_BSS3 =
      at::empty({pairs_per_rank_, size, size, 3}, at::TensorOptions(at::kByte).pinned_memory(options_.pin_memory));
  auto* pixels = batch.pixels_BSS3.mutable_data_ptr<uint8_t>();
  for (int64_t i = 0; i < pairs_per_rank_; ++i) {
    Sample sample = samples_->take();
    pixels = std::copy(sample.pixels_SS3.begin(), sample.pixels_SS3.end(), pixels);
    batch.long_ids.push_back(std::move(sample.long_ids));
    batch.short_ids.push_back(std::move(sample.short_ids));
    batch.rows.push_back(sample.id);
    batch.counts.add(sample);
    batch.skipped.insert(batch.skipped.end(), sample.skipped.begin(), sample.skipped.end());
  }
  return batch;
}

}  // namespace longclip
