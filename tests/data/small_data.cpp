// tests/data/small_data.cpp -- writing the small data set.
#include "small_data.h"

#include <opencv2/imgcodecs.hpp>

namespace longclip::test {

SmallData::SmallData(int64_t rows, const std::set<int64_t>& broken) {
  std::string lines;
  for (int64_t i = 0; i < rows; ++i) {
    const std::string name = fmt::format("{:03}.png", i);
    if (broken.contains(i)) {
      write_text(path(name), "");
    } else {
      cv::imwrite(path(name).string(), cv::Mat(6, 8, CV_8UC3, cv::Scalar(7, 100, static_cast<double>(i))));
    }
    lines +=
        fmt::format(
            R"({{"image": "{}", "long": ["picture {}. It is red.", "one {}", "two {}"], "short": ["a {}", "b", "c"]}})",
            name, i, i, i, i) +
        "\n";
  }
  write_text(path("rows.jsonl"), lines);
}

SourceConfig SmallData::source() const { return {.path = path("rows.jsonl"), .images = {folder_.path()}}; }

DataConfig SmallData::config(int64_t pairs_per_step) const {
  DataConfig config;
  config.train.emplace_back().path = path("rows.jsonl");
  config.train.back().images = {folder_.path()};
  config.pairs_per_step = pairs_per_step;
  config.max_bad_fraction = 1;
  return config;
}

DatasetOptions small_options(uint64_t seed) { return {.seed = seed, .image_size = 4}; }

int64_t picture_of(const Sample& sample) { return sample.pixels_SS3.at(0); }

}  // namespace longclip::test
