#pragma once
// data/picture_reader.h -- a list of picture files -> batches of crops, decoded on many threads, in the list's order.
// Shapes: B pictures of a batch (the last one may hold fewer), S side in pixels.

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "data/ordered_workers.h"
#include "image/decode.h"

namespace longclip {

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
  PictureReader(std::vector<std::string> files, const PictureReaderOptions& options);
  /// uint8 [B, S, S, 3], CPU, RGB; an undefined tensor after the last batch. Throws DataError naming the file of the
  /// first picture that is missing or broken.
  at::Tensor next();
  /// Indices in the list of the pictures that could not be read so far, ascending.
  const std::vector<int64_t>& broken() const { return broken_; }

 private:
  std::vector<uint8_t> read(int64_t index) const;
  std::vector<uint8_t> read_file(const std::string& file) const;

  std::vector<std::string> files_;
  PictureReaderOptions options_;
  int64_t taken_ = 0;
  std::vector<int64_t> broken_;
  std::unique_ptr<OrderedWorkers<std::vector<uint8_t>>> pictures_;
};

}  // namespace longclip
