#pragma once
// data/picture_reader.h -- a list of pictures -> batches of crops, decoded on many threads, in the list's order.
// Shapes: B pictures of a batch (the last one may hold fewer), S side in pixels.

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "data/formats/pair_source.h"
#include "data/ordered_workers.h"
#include "image/decode.h"

namespace longclip {

/// A picture that is still to be read: a file, or the picture of a row, which may lie in an archive.
struct PictureEntry {
  PictureEntry(std::string file_name) : name(std::move(file_name)) {}
  PictureEntry(std::string name_of_row, std::shared_ptr<const PairSource> its_source, int64_t its_row)
      : name(std::move(name_of_row)), source(std::move(its_source)), row(its_row) {}

  std::string name;                          ///< the file, or what messages call it
  std::shared_ptr<const PairSource> source;  ///< null: a file
  int64_t row = 0;
};

struct PictureReaderOptions {
  int64_t image_size = 224;  ///< S
  int64_t pictures_per_batch = 64;
  int64_t workers = 1;
  DecodeOptions decode = {};
  bool pin_memory = false;
  /// A missing or broken picture is logged and marked in broken() instead of being an error; its pixels are black.
  bool keep_going = false;
};

/// REQUIRES: one thread calls next(). Destroying it at any time ends the threads after the pictures they are at.
class PictureReader {
 public:
  PictureReader(std::vector<PictureEntry> pictures, const PictureReaderOptions& options);
  /// uint8 [B, S, S, 3], CPU, RGB; an undefined tensor after the last batch. Throws DataError naming the
  /// first picture that is missing or broken.
  at::Tensor next();
  /// Indices in the list of the pictures that could not be read so far, ascending.
  const std::vector<int64_t>& broken() const { return broken_; }

 private:
  std::vector<uint8_t> read(int64_t index) const;
  std::vector<uint8_t> crop_of(const PictureEntry& entry) const;

  std::vector<PictureEntry> entries_;
  PictureReaderOptions options_;
  int64_t taken_ = 0;
  std::vector<int64_t> broken_;
  std::unique_ptr<OrderedWorkers<std::vector<uint8_t>>> pictures_;
};

}  // namespace longclip
