#pragma once
// data/data_fingerprint.h -- what a checkpoint remembers of its data, so that a resumed run notices a change.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/formats/pair_source.h"

namespace longclip {

struct DataFingerprint {
  int64_t rows = 0;     ///< of all sources, bad ones included
  std::string content;  ///< SHA-256 over the sources' own fingerprints, in their order
  bool operator==(const DataFingerprint&) const = default;
};

DataFingerprint fingerprint_of(const std::vector<std::unique_ptr<PairSource>>& sources);

/// "12 rows before, 10 now" or "12 rows before and now: the same number of rows, other content ..."; empty if equal.
std::string describe_change(const DataFingerprint& before, const DataFingerprint& now);

}  // namespace longclip
