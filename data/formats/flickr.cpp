// data/formats/flickr.cpp -- see data/formats/flickr.h
#include "data/formats/flickr.h"

#include <unordered_map>

#include "base/utf8.h"
#include "data/formats/json_cursor.h"
#include "data/formats/row_text.h"

namespace longclip {
namespace {

constexpr std::string_view kExample = R"({"image": ..., "captions": [...]})";

struct TokenLine {
  std::string_view image, caption;
};

/// "1000.jpg#0<tab>A dog ." Throws DataError with the reason.
TokenLine split_token_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  const size_t tab = line.find('\t');
  const size_t mark = line.substr(0, tab).rfind('#');
  require<DataError>(tab != std::string_view::npos && mark != std::string_view::npos && mark > 0,
                     "is not NAME#NUMBER<tab>CAPTION");
  require<DataError>(is_valid_utf8(line), "is not UTF-8");
  return {line.substr(0, mark), line.substr(tab + 1)};
}

struct TokenRow {
  int64_t line = 0;
  std::string image, reason;
  std::vector<std::string> captions;
};

}  // namespace

Flickr::Flickr(const std::filesystem::path& file, std::string split) : split_(std::move(split)) {
  const std::filesystem::path name = file.extension() == ".gz" ? file.stem() : file.filename();
  kind_ = name.extension() == ".jsonl" ? Kind::kLines : name.extension() == ".json" ? Kind::kKarpathy : Kind::kTokens;
  require<InputError>(split_.empty() || kind_ != Kind::kTokens,
                      "{}: a token file has no splits; leave `split` out, or give a .json or .jsonl file",
                      file.string());
}

void Flickr::scan(std::string_view file, RowSink& rows) const {
  const std::string_view text = without_mark(file);
  const auto visit = [&](std::string_view bytes, int64_t line) { add_if_in_split(bytes, line, rows); };
  if (kind_ == Kind::kTokens) return scan_tokens(text, rows);
  if (kind_ == Kind::kLines) return for_each_line(text, visit);
  bool has_images = false;
  JsonCursor cursor(text);
  for_each_member(cursor, [&](std::string_view key) {
    if (key != "images") {
      cursor.take_value();
      return;
    }
    has_images = true;
    for_each_element(cursor, visit);
  });
  require<DataError>(has_images, "has no 'images'");
}

void Flickr::add_if_in_split(std::string_view bytes, int64_t line, RowSink& rows) const {
  if (split_.empty()) return rows.add(bytes, line);
  try {
    const Json json = parse_row_object(bytes, kExample);
    const Json* split = find_value(json, "split");
    if (split != nullptr && split->is_string() && split->get_ref<const std::string&>() != split_) return;
    if (split == nullptr || !split->is_string()) return rows.add_bad({"", line, "", "no 'split'"});
  } catch (const DataError&) {  // it may be of any split; add() finds the same fault
  }
  rows.add(bytes, line);
}

void Flickr::scan_tokens(std::string_view text, RowSink& rows) const {
  std::vector<TokenRow> found;
  std::unordered_map<std::string, size_t> place_of;
  for_each_line(text, [&](std::string_view line, int64_t number) {
    try {
      const TokenLine token = split_token_line(line);
      const auto [place, is_new] = place_of.emplace(token.image, found.size());
      if (is_new) found.push_back({number, std::string(token.image), "", {}});
      found[place->second].captions.emplace_back(token.caption);
    } catch (const DataError& error) {
      found.push_back({number, "", error.what(), {}});
    }
  });
  for (const TokenRow& row : found) {
    if (!row.reason.empty()) {
      rows.add_bad({"", row.line, row.image, row.reason});
    } else {
      rows.add_composed(compose_triple(row.image, row.captions, row.captions), row.line);
    }
  }
}

void Flickr::parse(std::string_view bytes, PairRow& row) const {
  if (kind_ == Kind::kTokens) return triples_.parse(bytes, row);
  const bool is_line = kind_ == Kind::kLines;
  Json json = parse_row_object(bytes, is_line ? kExample : R"({"filename": ..., "sentences": [...]})");
  row.image = image_of(json, is_line ? "image" : "filename");
  if (!is_line && find_value(json, "filepath") != nullptr) row.image = image_of(json, "filepath") + "/" + row.image;
  row.blank_captions =
      is_line ? leave_out_blank(json, "captions", "caption") : leave_out_blank(json, "sentences", "raw");
  row.long_captions =
      is_line ? captions_of(json, "captions", "caption", "given") : captions_of(json, "sentences", "raw", "given");
  require<CaptionError>(!row.long_captions.empty(), "no caption: '{}' is missing, null or an empty list",
                        is_line ? "captions" : "sentences");
  row.short_captions = row.long_captions;
}

std::string Flickr::parameters() const { return fmt::format("flickr {} {}", static_cast<int>(kind_), split_); }

}  // namespace longclip
