#pragma once
// data/prepare.h -- one pass over every row and picture of data.train: what is good, what is bad and why, and how long,
// large and alike things are. The rows are loaded as training loads them, so caches are filled on the way.

#include <map>
#include <string>
#include <vector>

#include "data/distribution.h"
#include "data/pair_dataset.h"

namespace longclip {

/// Things that are there more than once. `rows`: rows that say again what an earlier one did.
struct Repetitions {
  int64_t rows = 0;
  /// The first ones: "FILE:LINE" of the earliest row, "FILE:LINE" of the one that repeats it.
  std::vector<std::pair<std::string, std::string>> examples;
};

/// Captions are those that epoch 0 uses. Lengths are ids of whole captions, start and end included.
struct PrepareReport {
  int64_t rows = 0;
  std::vector<BadRow> bad;          ///< in the order of the rows
  std::map<BadKind, int64_t> bad_kinds;
  int64_t context = 0;              ///< ids that fit
  Distribution long_ids, short_ids;
  int64_t without_short = 0;        ///< good rows that give no short caption
  int64_t special_tokens = 0;       ///< good rows that spell out a special token
  int64_t grey16 = 0;               ///< 16-bit grey pictures: values above 255 become white
  int64_t image_size = 0;           ///< S, pixels
  Distribution widths, heights;     ///< pixels
  int64_t enlarged = 0;             ///< pictures whose short side is below S
  std::map<std::string, int64_t> formats, modes;
  Repetitions pictures;             ///< the same bytes
  Repetitions long_captions;        ///< the same first long caption
  int64_t pairs_per_step = 0;
  int64_t steps_per_epoch = 0;      ///< 0: the rows do not fill one step
  std::string no_step;              ///< why, and the fix; empty where there are steps or no rows

  int64_t good() const { return rows - static_cast<int64_t>(bad.size()); }
  int64_t truncated_long() const { return long_ids.above(context); }
  int64_t truncated_short() const { return short_ids.above(context); }
};

struct PrepareOptions {
  uint64_t seed = 0;
  int64_t image_size = 224;
  int64_t context = 248;
  int64_t workers = 1;
};

/// Reads everything once, with a progress bar. Throws what opening a source throws, and Stopped after a signal.
PrepareReport prepare_data(const DataConfig& config, const PrepareOptions& options);

/// Keys: rows good bad, bad_kinds (row caption missing broken), truncated_long truncated_short, bad_samples (source line image
/// kind reason), long_tokens, short_tokens,
/// without_short, special_tokens, images, duplicates, pairs_per_step, steps_per_epoch.
Json to_json(const PrepareReport& report);
/// The same for people; of the bad rows only the first.
std::string to_table(const PrepareReport& report);

}  // namespace longclip
