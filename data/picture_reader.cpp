// data/picture_reader.cpp -- OrderedWorkers over the pictures of a list.
#include "data/picture_reader.h"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "image/decode.h"
#include "image/transform.h"

namespace longclip {

PictureReader::PictureReader(std::vector<PictureEntry> pictures, const PictureReaderOptions& options)
    : entries_(std::move(pictures)), options_(options) {
  const OrderedWorkers<std::vector<uint8_t>>::Plan plan{.first = 0,
                                                        .last = static_cast<int64_t>(entries_.size()),
                                                        .window = options_.pictures_per_batch + 2 * options_.workers,
                                                        .threads = options_.workers};
  pictures_ =
      std::make_unique<OrderedWorkers<std::vector<uint8_t>>>(plan, [this](int64_t index) { return read(index); });
}

at::Tensor PictureReader::next() {
  const int64_t left = static_cast<int64_t>(entries_.size()) - taken_;
  const int64_t count = std::min(left, options_.pictures_per_batch);
  if (count == 0) return {};
  const int64_t size = options_.image_size;
  at::Tensor pixels_BSS3 =
      at::empty({count, size, size, 3}, at::TensorOptions(at::kByte).pinned_memory(options_.pin_memory));
  auto* pixels = pixels_BSS3.mutable_data_ptr<uint8_t>();
  for (int64_t i = 0; i < count; ++i) {
    const std::vector<uint8_t> picture = pictures_->take();
    const int64_t bytes = size * size * 3;
    if (picture.empty()) {  // read() could not, and was told to go on
      broken_.push_back(taken_);
      std::fill_n(pixels, bytes, uint8_t{0});
    } else {
      std::copy(picture.begin(), picture.end(), pixels);
    }
    pixels += bytes;
    ++taken_;
  }
  return pixels_BSS3;
}

std::vector<uint8_t> PictureReader::read(int64_t index) const {
  const PictureEntry& entry = entries_[static_cast<size_t>(index)];
  if (!options_.keep_going) return crop_of(entry);
  try {
    return crop_of(entry);
  } catch (const DataError& error) {
    log_warning("{}: left out: {}", entry.name, error.what());
    return {};
  }
}

std::vector<uint8_t> PictureReader::crop_of(const PictureEntry& entry) const {
  const std::string bytes =
      entry.source ? entry.source->read_picture(entry.source->row(entry.row)) : read_picture_file(entry.name);
  const std::span encoded(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  return clip_crop(decode_picture(encoded, entry.name, options_.decode), options_.image_size);
}

}  // namespace longclip
