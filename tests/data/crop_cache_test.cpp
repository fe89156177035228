// tests/data/crop_cache_test.cpp -- data/crop_cache.h, alone and under a data set and its loader
#include "data/crop_cache.h"

#include <ATen/ops/equal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <thread>

#include "data/batch_loader.h"
#include "small_data.h"
#include "support/catch.h"
#include "support/file_size_limit.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

/// Side 4: 48 bytes of pixels behind 48 of facts, in slots of 128.
constexpr int64_t kPixelBytes = 48, kSlotBytes = 128;

Crop crop_of(uint8_t value) {
  return {.pixels_SS3 = std::vector<uint8_t>(kPixelBytes, value), .picture = {640, 480, "JPEG", "RGB"}};
}

std::unique_ptr<CropCache> open_cache(const fs::path& folder, int64_t rows = 10, const DecodeOptions& decode = {}) {
  auto cache = CropCache::open(folder, "rows.jsonl", {.image_size = 4, .decode = decode}, rows);
  REQUIRE(cache != nullptr);
  return cache;
}

DataConfig cached_config(const test::SmallData& data, int64_t pairs_per_step = 6) {
  DataConfig config = data.config(pairs_per_step);
  config.crop_cache = CropCaching::kOn;
  config.train[0].cache_dir = data.path("cache");
  return config;
}

/// The one cache file of a data set.
fs::path cache_file(const test::SmallData& data) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(data.path("cache/crops"))) files.push_back(entry.path());
  REQUIRE(files.size() == 1);
  return files[0];
}

void overwrite(const fs::path& file, int64_t offset, const std::string& bytes) {
  std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
  stream.seekp(offset);
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  REQUIRE(stream.flush().good());
}

/// Slots that hold something.
int64_t filled_slots(const fs::path& file) {
  const std::string bytes = test::read_text(file);
  int64_t filled = 0;
  for (size_t at = 0; at + kSlotBytes <= bytes.size(); at += kSlotBytes) filled += bytes.substr(at, 16) != std::string(16, '\0');
  return filled;
}

std::vector<PairBatch> take_steps(const DataConfig& config, int64_t workers, int64_t rank = 0, int64_t world_size = 1) {
  const PairDataset dataset(config, test::small_options(2));
  BatchLoader loader(dataset, {.last_step = 12, .rank = rank, .world_size = world_size, .workers = workers});
  std::vector<PairBatch> batches;
  for (int64_t step = 0; step < 12; ++step) batches.push_back(loader.next());
  return batches;
}

void require_same(const std::vector<PairBatch>& a, const std::vector<PairBatch>& b) {
  REQUIRE(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    REQUIRE(at::equal(a[i].pixels_BSS3, b[i].pixels_BSS3));
    REQUIRE((a[i].long_ids == b[i].long_ids && a[i].short_ids == b[i].short_ids && a[i].rows == b[i].rows));
    REQUIRE((a[i].skipped == b[i].skipped && a[i].counts.grey16 == b[i].counts.grey16));
  }
}

}  // namespace

TEST_CASE("CropCache: a crop comes back with the facts of its picture, for its own identity alone", "[data][unit]") {
  const test::TemporaryFolder folder;
  const auto cache = open_cache(folder.path());
  REQUIRE_FALSE(cache->find(3, "a"));
  cache->store(3, "a", crop_of(7));
  REQUIRE(cache->find(3, "a") == crop_of(7));
  REQUIRE_FALSE(cache->find(3, "b"));
  REQUIRE_FALSE(cache->find(4, "a"));
  cache->store(3, "b", crop_of(8));
  REQUIRE(cache->find(3, "b") == crop_of(8));
  REQUIRE_FALSE(cache->find(3, "a"));
  REQUIRE_THROWS(cache->find(10, "a"));
  REQUIRE_THROWS(cache->store(3, "a", Crop{.pixels_SS3 = {1, 2, 3}, .picture = {}}));
}

TEST_CASE("CropCache: a file serves every process, and grows without losing anything", "[data][unit]") {
  const test::TemporaryFolder folder;
  const auto small = open_cache(folder.path(), 10);
  small->store(9, "nine", crop_of(9));
  const auto large = open_cache(folder.path(), 20);
  REQUIRE(large->file() == small->file());
  REQUIRE(large->find(9, "nine") == crop_of(9));
  large->store(19, "nineteen", crop_of(19));
  const auto again = open_cache(folder.path(), 10);
  REQUIRE(fs::file_size(small->file()) == 20 * kSlotBytes);
  small->store(0, "zero", crop_of(1));
  REQUIRE((again->find(0, "zero") == crop_of(1) && large->find(19, "nineteen") == crop_of(19)));
}

TEST_CASE("CropCache: another size or way of decoding has a file of its own", "[data][unit]") {
  const test::TemporaryFolder folder;
  std::set<fs::path> files{open_cache(folder.path())->file()};
  files.insert(open_cache(folder.path(), 10, {.max_pixels = 1000})->file());
  files.insert(open_cache(folder.path(), 10, {.load_truncated = true})->file());
  files.insert(open_cache(folder.path(), 10, {.exif_orientation = ExifOrientation::kApply})->file());
  files.insert(CropCache::open(folder.path(), "rows.jsonl", {.image_size = 5, .decode = {}}, 10)->file());
  files.insert(CropCache::open(folder.path(), "others.jsonl", {.image_size = 4, .decode = {}}, 10)->file());
  REQUIRE(files.size() == 6);
}

TEST_CASE("CropCache: a slot with any byte changed is not used", "[data][unit]") {
  const test::TemporaryFolder folder;
  const auto cache = open_cache(folder.path());
  const Crop crop = crop_of(100);
  cache->store(1, "a", crop);
  const std::string whole = test::read_text(cache->file());
  for (int64_t byte = 0; byte < 48 + kPixelBytes; ++byte) {
    const auto at = static_cast<size_t>(kSlotBytes + byte);
    overwrite(cache->file(), kSlotBytes + byte, std::string(1, static_cast<char>(whole[at] ^ 0x10)));
    CAPTURE(byte);
    REQUIRE_FALSE(cache->find(1, "a"));
    overwrite(cache->file(), kSlotBytes + byte, whole.substr(at, 1));
  }
  REQUIRE(cache->find(1, "a") == crop);
  overwrite(cache->file(), kSlotBytes + 60, std::string(20, '\xFF'));
  cache->store(1, "a", crop);
  REQUIRE(cache->find(1, "a") == crop);
}

TEST_CASE("CropCache: where there is no room, work goes on without it", "[data][unit]") {
  const test::SmallData data(8);
  {
    const test::FileSizeLimit limit(256);  // of 8 slots of 128
    REQUIRE(CropCache::open(data.path("full"), "rows.jsonl", {.image_size = 4, .decode = {}}, 8) == nullptr);
    const PairDataset dataset(cached_config(data), test::small_options());
    for (int64_t row = 0; row < 8; ++row) REQUIRE(test::picture_of(dataset.load_row({0, row}, 0)) == row);
  }
  const PairDataset dataset(cached_config(data), test::small_options());
  {
    const test::FileSizeLimit limit(256);
    for (int64_t row = 7; row >= 0; --row) REQUIRE(test::picture_of(dataset.load_row({0, row}, 0)) == row);
  }
  REQUIRE(filled_slots(cache_file(data)) == 0);  // the first store did not fit, and ended the storing
  REQUIRE(CropCache::open("", "rows.jsonl", {.image_size = 4, .decode = {}}, 8) == nullptr);
  test::write_text(data.path("file"), "");
  REQUIRE(CropCache::open(data.path("file"), "rows.jsonl", {.image_size = 4, .decode = {}}, 8) == nullptr);
}

TEST_CASE("CropCache: batches are those without it, while it is filled and afterwards, at any number of threads", "[data][unit]") {
  for (const int64_t workers : {1, 4}) {
    const test::SmallData data(30, {3, 4, 11, 12, 13, 29});
    const auto expected = take_steps(data.config(6), 1);
    require_same(take_steps(cached_config(data), workers), expected);
    REQUIRE(filled_slots(cache_file(data)) == 24);
    require_same(take_steps(cached_config(data), workers), expected);
    // The pictures come from the cache: with every slot's pixels under another identity they would not.
    const PairDataset dataset(cached_config(data), test::small_options(2));
    const std::string identity = dataset.sources()[0]->picture_identity(0, dataset.sources()[0]->row(0));
    open_cache(data.path("elsewhere"));  // another file is not touched
    auto cache = CropCache::open(data.path("cache"), data.path("rows.jsonl"), {.image_size = 4, .decode = {}}, 30);
    cache->store(0, identity, crop_of(77));
    REQUIRE(test::picture_of(dataset.load_row({0, 0}, 0)) == 77);
  }
}

TEST_CASE("CropCache: ranks that fill it at once get the batches without it", "[data][unit]") {
  const test::SmallData data(30, {3, 4});
  std::vector<std::vector<PairBatch>> expected, cached(2);
  for (const int64_t rank : {0, 1}) expected.push_back(take_steps(data.config(6), 1, rank, 2));
  std::vector<std::thread> ranks;
  for (const int64_t rank : {0, 1}) {
    ranks.emplace_back([&, rank] { cached[static_cast<size_t>(rank)] = take_steps(cached_config(data), 2, rank, 2); });
  }
  for (std::thread& rank : ranks) rank.join();
  for (const size_t rank : {0, 1}) require_same(cached[rank], expected[rank]);
  REQUIRE(filled_slots(cache_file(data)) == 28);
}

TEST_CASE("CropCache: a picture that changed is decoded anew, and a missing one is missed", "[data][unit]") {
  const test::SmallData data(8);
  const PairDataset dataset(cached_config(data), test::small_options());
  for (int64_t row = 0; row < 8; ++row) dataset.load_row({0, row}, 0);
  const fs::path picture = data.path("005.png");
  const auto time = fs::last_write_time(picture);
  cv::imwrite(picture.string(), cv::Mat(6, 8, CV_8UC3, cv::Scalar(7, 100, 55)));
  fs::last_write_time(picture, time + std::chrono::seconds(1));
  REQUIRE(test::picture_of(dataset.load_row({0, 5}, 0)) == 55);
  REQUIRE(test::picture_of(dataset.load_row({0, 5}, 0)) == 55);
  fs::remove(data.path("006.png"));
  REQUIRE_THROWS_WITH(dataset.load_row({0, 6}, 0), ContainsSubstring("no such file"));
}

TEST_CASE("CropCache: rows keep their slots when the first ones are left out", "[data][unit]") {
  const test::SmallData data(8);
  const PairDataset whole(cached_config(data), test::small_options());
  for (int64_t row = 0; row < 8; ++row) whole.load_row({0, row}, 0);
  const std::string before = test::read_text(cache_file(data));
  DataConfig config = cached_config(data, 2);
  config.train[0].skip = 3;
  const PairDataset rest(config, test::small_options());
  for (int64_t row = 0; row < 5; ++row) REQUIRE(test::picture_of(rest.load_row({0, row}, 0)) == row + 3);
  REQUIRE(test::read_text(cache_file(data)) == before);
}

TEST_CASE("CropCache: a process that is killed while it fills leaves nothing that is wrong", "[data][unit]") {
  const test::SmallData data(60);
  const auto expected = take_steps(data.config(6), 1);
  for (const int64_t enough : {1, 7, 20, 41}) {
    fs::remove_all(data.path("cache"));
    const pid_t child = ::fork();
    if (child == 0) {
      const PairDataset dataset(cached_config(data), test::small_options());
      for (int64_t row = 0;; row = (row + 1) % 60) dataset.load_row({0, row}, 0);
    }
    const auto is_enough = [&] { return fs::exists(data.path("cache/crops")) && !fs::is_empty(data.path("cache/crops")) && filled_slots(cache_file(data)) >= enough; };
    for (int tries = 0; tries < 20000 && !is_enough(); ++tries) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ::kill(child, SIGKILL);
    REQUIRE(::waitpid(child, nullptr, 0) == child);
    REQUIRE(is_enough());
    require_same(take_steps(cached_config(data), 2), expected);
  }
}

}  // namespace longclip
