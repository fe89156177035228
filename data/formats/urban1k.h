#pragma once
// data/formats/urban1k.h -- the folder of Urban1k: image/NAME.jpg with caption/NAME.txt.

#include <filesystem>

#include "data/formats/row_format.h"

namespace longclip {

/// Gives one row for every NAME that is in one of the two folders, numbers before words and in the order of their values; it is
/// bad unless there is one picture and a caption with something in its first line, which alone counts, as upstream. Files
/// with other endings (.DS_Store, Thumbs.db) are passed over. Rows are triples whose images are relative to `folder`.
/// Throws DataError naming the folder that is missing.
void scan_urban1k(const std::filesystem::path& folder, RowSink& rows);

}  // namespace longclip
