// data/formats/sharegpt4v.cpp -- see data/formats/sharegpt4v.h
#include "data/formats/sharegpt4v.h"

#include "data/formats/json_cursor.h"
#include "data/formats/row_text.h"

namespace longclip {

void Sharegpt4v::scan(std::string_view file, RowSink& rows) const {
  const std::string_view text = without_mark(file);
  const size_t start = text.find_first_not_of(" \t\r\n");
  require<DataError>(start != std::string_view::npos && text[start] == '[',
                     "is no JSON array; JSON lines are the format triples");
  JsonCursor cursor(text);
  for_each_element(cursor, [&rows](std::string_view element, int64_t number) { rows.add(element, number); });
  check_end(cursor);
}

void Sharegpt4v::parse(std::string_view bytes, PairRow& row) const {
  const Json json = parse_row_object(bytes, R"({"image": ..., "conversations": [...]})");
  row.image = image_of(json, "image");
  const Json* turns = find_value(json, "conversations");
  const bool has_caption = turns != nullptr && turns->is_array() && turns->size() > 1 && (*turns)[1].is_object() &&
                           find_value((*turns)[1], "value") != nullptr;
  require<CaptionError>(has_caption, "no caption: there is no 'conversations'[1].'value'");
  const Json& value = (*turns)[1]["value"];
  require<CaptionError>(value.is_string(), "'conversations'[1].'value' must be text");
  row.long_captions = {checked_caption(value.get_ref<const std::string&>(), "long")};
}

}  // namespace longclip
