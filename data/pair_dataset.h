#pragma once
// data/pair_dataset.h -- the sources of data.train as one data set: (epoch, position) -> one ready sample.
// S: side of the picture in pixels.

#include <memory>
#include <vector>

#include "data/crop_cache.h"
#include "data/data_config.h"
#include "data/epoch_order.h"
#include "data/formats/pair_source.h"
#include "text/tokenizer.h"

namespace longclip {

/// What the rest of the run decides about the samples.
struct DatasetOptions {
  uint64_t seed = 0;
  int64_t image_size = 224;  ///< S
  int64_t context = 248;     ///< ids a caption may have, start and end included
  bool needs_long = true;    ///< false where loss.long_weight is 0
  bool needs_short = true;   ///< false where loss.short_weight is 0
  bool needs_steps = true;   ///< false: only load_row() is wanted, and no complete step has to be there
};

/// One picture with its captions, ready for the towers.
struct Sample {
  std::vector<uint8_t> pixels_SS3;  ///< RGB
  std::vector<int32_t> long_ids;    ///< empty where not needed
  std::vector<int32_t> short_ids;   ///< empty where not needed
  RowId id;
  bool long_truncated = false;
  bool short_truncated = false;
  bool holds_special_token = false;  ///< a caption spells out <|endoftext|> or <|startoftext|>
  bool short_from_long = false;      ///< no short caption was given, the first sentence of the long one stands in
  PictureFacts picture;
  std::vector<BadRow> skipped;       ///< bad rows that this sample stands in for
};

/// What a sample was made of.
struct SampleOrigin {
  PairRow row;
  std::string encoded;  ///< the picture's file; empty where its crop came out of the cache
};

/// Immutable once built. Thread-safety: load() and load_row() may be called from several threads at once.
class PairDataset {
 public:
  /// Opens the sources. Throws DataError or InputError if one is unusable, if a line is bad and
  /// config.on_bad_sample is `fail`, or if not one complete step is there. Opens the crop caches of config.crop_cache.
  PairDataset(const DataConfig& config, const DatasetOptions& options);

  /// The sample of a position: its row, or the next good one of the epoch's order, wrapping. The same on every run,
  /// rank and thread. Throws BadRowError under on_bad_sample: fail, and DataError if more bad rows stand after each
  /// other than max_bad_fraction allows in all.
  Sample load(int64_t epoch, int64_t position) const;
  /// One row as it would be used in `epoch`; `origin`, where it is wanted, is filled. Throws BadRowError.
  Sample load_row(const RowId& id, int64_t epoch, SampleOrigin* origin = nullptr) const;

  /// REQUIRES: options().needs_steps.
  const EpochOrder& order() const { return *order_; }
  const DatasetOptions& options() const { return options_; }
  const std::vector<std::unique_ptr<PairSource>>& sources() const { return sources_; }
  /// Rows of all sources, bad ones included.
  int64_t rows() const;
  /// Rows that opening found to be bad: malformed, or without a usable caption.
  std::vector<BadRow> bad_lines() const;

 private:
  CropSettings crop_settings() const;
  void read_captions(const PairRow& row, const RowId& id, int64_t epoch, Sample& sample) const;
  std::vector<int32_t> tokenize(const std::string& caption, bool& truncated, Sample& sample) const;

  DataConfig config_;
  DatasetOptions options_;
  std::vector<std::unique_ptr<PairSource>> sources_;
  std::vector<std::unique_ptr<CropCache>> crops_;  // [source], null where there is none
  std::unique_ptr<EpochOrder> order_;
};

}  // namespace longclip
