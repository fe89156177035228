// tests/data/batch_loader_test.cpp -- data/batch_loader.h
#include "data/batch_loader.h"

#include <ATen/ops/equal.h>
#include <malloc.h>

#include "small_data.h"
#include "support/catch.h"

namespace longclip {
namespace {

std::vector<PairBatch> take_all(const PairDataset& dataset, const LoaderOptions& options) {
  BatchLoader loader(dataset, options);
  std::vector<PairBatch> batches;
  for (int64_t step = options.first_step; step < options.last_step; ++step) batches.push_back(loader.next());
  return batches;
}

bool same(const PairBatch& a, const PairBatch& b) {
  return a.step == b.step && a.epoch == b.epoch && at::equal(a.pixels_BSS3, b.pixels_BSS3) &&
         a.long_ids == b.long_ids && a.short_ids == b.short_ids && a.rows == b.rows && a.skipped == b.skipped;
}

DataConfig random_captions(const test::SmallData& data, int64_t pairs_per_step) {
  DataConfig config = data.config(pairs_per_step);
  config.long_caption = LongCaption::kRandom;
  config.short_caption = ShortCaption::kRandom;
  return config;
}

}  // namespace

TEST_CASE("BatchLoader: batches do not depend on the number of threads or on prefetching", "[data][unit]") {
  const test::SmallData data(30, {3, 4, 11, 12, 13, 29});
  const PairDataset dataset(random_captions(data, 6), test::small_options(2));
  const auto expected = take_all(dataset, {.last_step = 12, .workers = 1, .prefetch_steps = 1});
  for (const int64_t workers : {2, 4, 7}) {
    const auto batches = take_all(dataset, {.last_step = 12, .workers = workers, .prefetch_steps = workers});
    for (size_t step = 0; step < 12; ++step) REQUIRE(same(batches[step], expected[step]));
  }
}

TEST_CASE("BatchLoader: a batch holds the samples of its step in order", "[data][unit]") {
  const test::SmallData data(10, {4});
  const PairDataset dataset(data.config(3), test::small_options(2));
  const auto batches = take_all(dataset, {.last_step = 7, .workers = 2});
  REQUIRE(batches[0].pixels_BSS3.sizes() == at::IntArrayRef{3, 4, 4, 3});
  for (const PairBatch& batch : batches) {
    const StepPlace place = dataset.order().place(batch.step);
    REQUIRE(batch.epoch == place.epoch);
    for (int64_t i = 0; i < 3; ++i) {
      const Sample sample = dataset.load(place.epoch, place.position + i);
      REQUIRE(batch.rows[static_cast<size_t>(i)] == sample.id);
      REQUIRE(batch.long_ids[static_cast<size_t>(i)] == sample.long_ids);
      REQUIRE(batch.pixels_BSS3[i][0][0][0].item<uint8_t>() == sample.id.row);
    }
  }
}

TEST_CASE("BatchLoader: the shares of the ranks, one after the other, are the step of one rank", "[data][unit]") {
  const test::SmallData data(26, {0, 7, 8, 9});
  const PairDataset dataset(random_captions(data, 6), test::small_options(5));
  const auto whole = take_all(dataset, {.last_step = 9, .workers = 2});
  for (const int64_t world_size : {2, 3, 6}) {
    std::vector<std::vector<RowId>> rows(9);
    std::vector<std::vector<std::vector<int32_t>>> ids(9);
    for (int64_t rank = 0; rank < world_size; ++rank) {
      for (const PairBatch& batch :
           take_all(dataset, {.last_step = 9, .rank = rank, .world_size = world_size, .workers = 2})) {
        auto& step_rows = rows[static_cast<size_t>(batch.step)];
        step_rows.insert(step_rows.end(), batch.rows.begin(), batch.rows.end());
        auto& step_ids = ids[static_cast<size_t>(batch.step)];
        step_ids.insert(step_ids.end(), batch.long_ids.begin(), batch.long_ids.end());
      }
    }
    for (size_t step = 0; step < 9; ++step)
      REQUIRE((rows[step] == whole[step].rows && ids[step] == whole[step].long_ids));
  }
}

TEST_CASE("BatchLoader: a run that goes on at any step sees the batches of one that never stopped", "[data][unit]") {
  const test::SmallData data(17, {2, 3});
  const PairDataset dataset(random_captions(data, 4), test::small_options(6));
  const auto whole = take_all(dataset, {.last_step = 10, .workers = 2});
  for (int64_t first = 1; first < 10; ++first) {
    const auto rest = take_all(dataset, {.first_step = first, .last_step = 10, .workers = 2});
    for (size_t i = 0; i < rest.size(); ++i) REQUIRE(same(rest[i], whole[static_cast<size_t>(first) + i]));
  }
}

TEST_CASE("BatchLoader: what a worker throws comes out at its step", "[data][unit]") {
  const test::SmallData data(24, {13});
  DataConfig config = data.config(2);
  config.on_bad_sample = OnBadSample::kFail;
  const PairDataset dataset(config, test::small_options());
  int64_t position = 0;
  while (dataset.order().at(0, position).row != 13) ++position;
  BatchLoader loader(dataset, {.last_step = 12, .workers = 3, .prefetch_steps = 4});
  for (int64_t step = 0; step < position / 2; ++step) REQUIRE(loader.next().step == step);
  REQUIRE_THROWS_AS(loader.next(), BadRowError);
  REQUIRE_THROWS_WITH(loader.next(), ContainsSubstring("rows.jsonl:14: "));
}

TEST_CASE("BatchLoader: it may be destroyed while its workers are busy or wait", "[data][unit]") {
  const test::SmallData data(40);
  const PairDataset dataset(data.config(8), test::small_options());
  for (int64_t taken = 0; taken < 20; ++taken) {
    BatchLoader loader(dataset,
                       {.last_step = 1'000'000'000, .workers = 1 + taken % 5, .prefetch_steps = 1 + taken % 2});
    for (int64_t i = 0; i < taken / 4; ++i) loader.next();
  }
  SUCCEED("every loader ended");
}

TEST_CASE("BatchLoader: memory does not grow over the epochs", "[data][unit]") {
  const test::SmallData data(20, {3, 8});
  DataConfig config = random_captions(data, 4);
  config.train[0].cache_dir = data.path("cache");
  const auto heap_after = [&](int64_t epochs) {
    {
      const PairDataset dataset(config, test::small_options(1));
      BatchLoader loader(dataset, {.last_step = epochs * 5, .workers = 2});
      for (int64_t step = 0; step < epochs * 5; ++step) loader.next();
    }
    const struct mallinfo2 info = ::mallinfo2();
    return static_cast<int64_t>(info.uordblks + info.hblkhd);
  };
  for (const CropCaching caching : {CropCaching::kOff, CropCaching::kOn}) {
    config.crop_cache = caching;
    heap_after(2);
    const int64_t before = heap_after(2);
    REQUIRE(heap_after(400) - before < 32 * 1024);  // 8000 samples: four bytes of each would be too much
  }
}

TEST_CASE("BatchLoader: five rows with a broken one give a step of five with a repetition, and two steps of four",
          "[data][golden]") {
  const auto cases = test::cases_dir();
  if (!cases) return test::say_skipped("steps larger than the data", "shared/cases");
  DataConfig config;
  config.train.emplace_back().path = *cases / "14_step_larger_than_data/rows.jsonl";
  config.train.back().images = {*cases / "14_step_larger_than_data"};
  config.max_bad_fraction = 0.5;
  config.pairs_per_step = 8;
  REQUIRE_THROWS_WITH(PairDataset(config, test::small_options()),
                      ContainsSubstring("8") && ContainsSubstring("5 usable"));
  config.pairs_per_step = 5;
  const PairDataset five(config, test::small_options());
  REQUIRE(five.order().steps_per_epoch() == 1);
  const auto batch = take_all(five, {.last_step = 1, .workers = 2}).front();
  REQUIRE(std::set<RowId>(batch.rows.begin(), batch.rows.end()).size() == 4);
  REQUIRE(batch.skipped.size() == 1);
  REQUIRE(batch.skipped[0].image == "img/03.png");
  config.pairs_per_step = 4;
  REQUIRE(PairDataset(config, test::small_options()).order().steps_per_epoch() == 1);
  config.train[0].path = *cases / "14_step_larger_than_data/empty.jsonl";
  REQUIRE_THROWS_WITH(PairDataset(config, test::small_options()), ContainsSubstring("empty.jsonl: has no rows"));
}

}  // namespace longclip
