#pragma once
// tests/data/formats/opened.h -- a data file written and opened in a temporary folder, and what all its rows say.

#include "data/formats/pair_source.h"
#include "support/reference_data.h"

namespace longclip::test {

/// A file `name` with a text, which sources of it are opened from.
class DataFile {
 public:
  DataFile(const std::string& name, const std::string& text) : path_(folder_ / name) { write_text(path_, text); }
  /// `config` without path and images.
  std::unique_ptr<PairSource> open(SourceConfig config) const {
    config.path = path_;
    config.images = {folder_.path()};
    return build_source(config);
  }
  std::unique_ptr<PairSource> open(SourceFormat format) const { return open(SourceConfig{.format = format}); }
  const std::filesystem::path& path() const { return path_; }
  const TemporaryFolder& folder() const { return folder_; }

 private:
  TemporaryFolder folder_;
  std::filesystem::path path_;
};

/// The reason why a row is bad, with its line in front ("7: no 'image'"), or "good".
inline std::string verdict_of(const PairSource& source, int64_t row) {
  try {
    source.row(row);
    return "good";
  } catch (const BadRowError& error) {
    return fmt::format("{}: {}", error.row.line, error.row.reason);
  }
}

/// The verdicts of all rows.
inline std::vector<std::string> verdicts_of(const PairSource& source) {
  std::vector<std::string> verdicts;
  for (int64_t row = 0; row < source.rows(); ++row) verdicts.push_back(verdict_of(source, row));
  return verdicts;
}

}  // namespace longclip::test
