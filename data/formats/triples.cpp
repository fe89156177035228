// data/formats/triples.cpp -- see data/formats/triples.h
#include "data/formats/triples.h"

#include "data/formats/row_text.h"

namespace longclip {

void Triples::scan(std::string_view file, RowSink& rows) const {
  for_each_line(without_mark(file), [&rows](std::string_view line, int64_t number) { rows.add(line, number); });
}

void Triples::parse(std::string_view bytes, PairRow& row) const {
  Json json = parse_row_object(bytes, R"({"image": ..., "long": ...})");
  row.image = image_of(json, "image");
  if (blank_ == BlankCaptions::kLeaveOut) {
    row.blank_captions = leave_out_blank(json, "long", "caption");
    leave_out_blank(json, "short", "caption");
  }
  row.long_captions = captions_of(json, "long", "caption", "long");
  require<CaptionError>(!row.long_captions.empty(), "no long caption: 'long' is missing, null or an empty list");
  row.short_captions = captions_of(json, "short", "caption", "short");
}

std::string compose_triple(const std::string& image, const std::vector<std::string>& long_captions,
                           const std::vector<std::string>& short_captions) {
  return to_json_line({{"image", image}, {"long", long_captions}, {"short", short_captions}});
}

}  // namespace longclip
