// data/retrieval_set.cpp -- one pass over the rows.
#include "data/retrieval_set.h"

#include "base/signals.h"
#include "text/caption.h"

namespace longclip {
namespace {

/// Throws BadRowError if the row has no caption of that kind.
void append_row(const PairSource& source, int64_t index, CaptionKind kind, RetrievalSet& set) {
  const PairRow row = source.row(index);
  const std::vector<std::string>& captions = kind == CaptionKind::kLong ? row.long_captions : row.short_captions;
  if (captions.empty()) throw BadRowError({source.name(), row.line, row.image, "no short caption"});
  const auto picture = static_cast<int64_t>(set.picture_files.size());
  set.picture_files.push_back(source.picture_file(row).string());
  for (const std::string& caption : captions) {
    set.captions.push_back(single_line(caption));
    set.picture_of_caption.push_back(picture);
  }
}

}  // namespace

RetrievalSet load_retrieval_set(const SourceConfig& config, CaptionKind kind, bool bad_lines_allowed) {
  const auto source = build_source(config);
  RetrievalSet set;
  for (int64_t index = 0; index < source->rows(); ++index) {
    throw_if_stop_requested();
    try {
      append_row(*source, index, kind, set);
    } catch (const BadRowError& error) {
      if (!bad_lines_allowed) throw;
      set.skipped.push_back(error.row);
    }
  }
  const char* kind_name = kind == CaptionKind::kLong ? "long" : "short";
  require<DataError>(!set.captions.empty(), "{}: no row has a usable {} caption", source->name(), kind_name);
  return set;
}

}  // namespace longclip
