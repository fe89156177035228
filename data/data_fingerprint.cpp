// data/data_fingerprint.cpp -- one hash over the sources.
#include "data/data_fingerprint.h"

#include "base/digest.h"

namespace longclip {

DataFingerprint fingerprint_of(const std::vector<std::unique_ptr<PairSource>>& sources) {
  DataFingerprint all;
  Sha256 sha;
  for (const auto& source : sources) {
    all.rows += source->rows();
    sha.update(source->fingerprint());
  }
  all.content = sha.hex();
  return all;
}

std::string describe_change(const DataFingerprint& before, const DataFingerprint& now) {
  if (before == now) return "";
  if (before.rows != now.rows) return fmt::format("{} rows before, {} now", before.rows, now.rows);
  return fmt::format("{} rows before and now: the same number of rows, other content or another order", now.rows);
}

}  // namespace longclip
