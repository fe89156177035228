// data/retrieval_set.cpp -- one pass over the rows.
#include "data/retrieval_set.h"

#include <algorithm>
#include <span>

#include "base/signals.h"
#include "text/caption.h"

namespace longclip {
namespace {

/// As many bad rows as a message names.
constexpr size_t kNamedRows = 20;

/// Throws BadRowError if the row has no caption of that kind.
void append_row(const std::shared_ptr<const PairSource>& source, int64_t index, CaptionKind kind, size_t most_captions,
                RetrievalSet& set) {
  const PairRow row = source->row(index);
  const std::span<const std::string> captions = kind == CaptionKind::kLong ? row.long_captions : row.short_captions;
  if (captions.empty()) throw BadRowError({row.source, row.line, row.image, "no short caption", BadKind::kCaption});
  const auto picture = static_cast<int64_t>(set.pictures.size());
  set.pictures.emplace_back(source->picture_file(row).string(), source, index);
  for (const std::string& caption : captions.first(std::min(captions.size(), most_captions))) {
    set.captions.push_back(single_line(caption));
    set.picture_of_caption.push_back(picture);
  }
}

[[noreturn]] void fail_with_rows(const std::vector<BadRow>& rows, CaptionKind kind) {
  std::string list;
  for (size_t i = 0; i < std::min(rows.size(), kNamedRows); ++i)
    list += fmt::format("{}{}:{}: {}", i == 0 ? "" : "\n  ", rows[i].source, rows[i].line, rows[i].reason);
  if (rows.size() > kNamedRows) list += fmt::format("\n  and {} more", rows.size() - kNamedRows);
  if (kind == CaptionKind::kShort) list += "\n  (short captions are not needed with --captions long)";
  throw DataError(list);
}

}  // namespace

RetrievalSet load_retrieval_set(const SourceConfig& config, CaptionKind kind, bool bad_lines_allowed,
                                std::optional<int64_t> captions_per_picture) {
  const auto most_captions = static_cast<size_t>(captions_per_picture.value_or(INT64_MAX));
  const std::shared_ptr<const PairSource> source = build_source(config);
  RetrievalSet set;
  for (int64_t index = 0; index < source->rows(); ++index) {
    throw_if_stop_requested();
    try {
      append_row(source, index, kind, most_captions, set);
    } catch (const BadRowError& error) {
      set.skipped.push_back(error.row);
    }
  }
  if (!bad_lines_allowed && !set.skipped.empty()) fail_with_rows(set.skipped, kind);
  const char* kind_name = kind == CaptionKind::kLong ? "long" : "short";
  require<DataError>(!set.captions.empty(), "{}: no row has a usable {} caption", source->name(), kind_name);
  return set;
}

}  // namespace longclip
