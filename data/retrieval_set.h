#pragma once
// data/retrieval_set.h -- pictures and captions of a source as retrieval compares them.
// A row is one picture with one or several captions; rows are never merged, even where they name the same file.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/source_config.h"
#include "data/picture_reader.h"

namespace longclip {

enum class CaptionKind { kLong, kShort };

struct RetrievalSet {
  std::vector<PictureEntry> pictures;       // [picture]
  std::vector<std::string> captions;        // [caption] on one line each
  std::vector<int64_t> picture_of_caption;  // [caption] ascending
  std::vector<BadRow> skipped;              ///< rows that are bad or have no caption of this kind
};

/// The captions of one kind of all rows, in the order of the file: all of a row, or its first `captions_per_picture`. Whether
/// a picture exists is not looked at: PictureReader refuses a missing one by name.
/// `bad_lines_allowed`: rows that have no usable caption are left out and listed in `skipped`; otherwise they are a DataError
/// that names them, as for a file named on the command line. Throws DataError if no row is left.
RetrievalSet load_retrieval_set(const SourceConfig& config, CaptionKind kind, bool bad_lines_allowed,
                                std::optional<int64_t> captions_per_picture = std::nullopt);

}  // namespace longclip
