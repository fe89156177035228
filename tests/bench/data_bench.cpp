// tests/bench/data_bench.cpp -- the input side as scripts/bench_data.sh measures it: one job a call, one line of JSON.
//   crops LIST SIZE                          every picture of LIST (a path a line) on one thread: read, decode, crop
//   tokens FILE                              every line of FILE on one thread, whole
//   loader TRIPLES IMAGES SIZE WORKERS DIR   one epoch through the batch loader; DIR: crop cache, filled before, or "-"
#include <iostream>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/progress.h"
#include "data/batch_loader.h"
#include "text/tokenizer.h"

namespace longclip {
namespace {

std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines;
  const std::string text = read_file(path);
  for (size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1) lines.push_back(text.substr(at, end - at));
  return lines;
}

Json measure_crops(const std::string& list, int64_t size) {
  const std::vector<std::string> files = lines_of(list);
  double seconds = 0;
  Sha256 sha;
  for (const std::string& file : files) {
    const double start = monotonic_seconds();
    const std::vector<uint8_t> pixels = make_crop(read_file(file), {.image_size = size, .decode = {}}).pixels_SS3;
    seconds += monotonic_seconds() - start;
    sha.update(pixels);
  }
  return {{"images", files.size()}, {"seconds", seconds}, {"sha256", sha.hex()}};
}

Json measure_tokens(const std::string& file) {
  const std::vector<std::string> texts = lines_of(file);
  const Tokenizer& tokenizer = Tokenizer::clip();
  std::vector<std::vector<int32_t>> ids;
  const double start = monotonic_seconds();
  for (const std::string& text : texts) ids.push_back(tokenizer.encode(text, INT64_MAX).ids);
  const double seconds = monotonic_seconds() - start;
  Sha256 sha;
  size_t tokens = 0;
  for (const auto& text : ids) {
    tokens += text.size();
    sha.update({reinterpret_cast<const uint8_t*>(text.data()), text.size() * sizeof(int32_t)});
  }
  return {{"texts", texts.size()}, {"tokens", tokens}, {"seconds", seconds}, {"sha256", sha.hex()}};
}

struct LoaderJob {
  std::string triples, images, cache;
  int64_t size = 224, workers = 1;
};

double seconds_of_epoch(const PairDataset& dataset, int64_t epoch, int64_t workers) {
  const int64_t steps = dataset.order().steps_per_epoch();
  const double start = monotonic_seconds();
  BatchLoader loader(dataset, {.first_step = epoch * steps, .last_step = (epoch + 1) * steps, .workers = workers});
  for (int64_t step = 0; step < steps; ++step) loader.next();
  return monotonic_seconds() - start;
}

Json measure_loader(const LoaderJob& job) {
  DataConfig config;
  config.train.emplace_back().path = job.triples;
  config.train[0].images = {job.images};
  config.train[0].weight = 8;  // small sets: an epoch takes seconds
  config.pairs_per_step = 32;
  if (job.cache != "-") {
    config.crop_cache = CropCaching::kOn;
    config.train[0].cache_dir = job.cache;
  }
  const PairDataset dataset(config, {.image_size = job.size});
  if (job.cache != "-") seconds_of_epoch(dataset, 0, job.workers);
  const double seconds = seconds_of_epoch(dataset, 1, job.workers);
  return {{"rows", dataset.order().steps_per_epoch() * config.pairs_per_step}, {"seconds", seconds}, {"workers", job.workers}, {"cached", job.cache != "-"}};
}

int main_of(const std::vector<std::string>& arguments) {
  const std::string job = arguments.empty() ? "" : arguments[0];
  Json result;
  if (job == "crops" && arguments.size() == 3) result = measure_crops(arguments[1], std::stoll(arguments[2]));
  else if (job == "tokens" && arguments.size() == 2) result = measure_tokens(arguments[1]);
  else if (job == "loader" && arguments.size() == 6)
    result = measure_loader({arguments[1], arguments[2], arguments[5], std::stoll(arguments[3]), std::stoll(arguments[4])});
  else fail<InputError>("usage: longclip_data_bench crops LIST SIZE | tokens FILE | loader TRIPLES IMAGES SIZE WORKERS CACHE_DIR");
  std::cout << to_json_line(result) << std::endl;
  return kExitDone;
}

}  // namespace
}  // namespace longclip

int main(int argc, char** argv) {
  try {
    return longclip::main_of({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << "longclip_data_bench: " << error.what() << '\n';
    return longclip::kExitBadInput;
  }
}
