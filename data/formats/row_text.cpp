// data/formats/row_text.cpp -- see data/formats/row_text.h
#include "data/formats/row_text.h"

#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"
#include "data/formats/row_format.h"

namespace longclip {

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos; }

std::string_view without_mark(std::string_view file) {
  const std::string_view start = file.substr(0, 2);
  require<DataError>(start != "\xFF\xFE" && start != "\xFE\xFF", "is UTF-16; save it as UTF-8");
  return file.substr(file.starts_with("\xEF\xBB\xBF") ? 3 : 0);
}

const std::string& checked_caption(const std::string& caption, std::string_view key) {
  require<CaptionError>(!is_blank(caption), "a {} caption is empty", key);
  require<CaptionError>(is_valid_utf8(caption), "a {} caption is not UTF-8", key);
  return caption;
}

const std::string& checked_image(const std::string& image, std::string_view key) {
  require<DataError>(!image.empty(), "'{}' is empty", key);
  require<DataError>(image.find('\0') == std::string::npos, "'{}' holds a NUL", key);
  return image;
}

Json parse_row_json(std::string_view bytes) {
  require<DataError>(bytes.size() <= kMaxRowBytes, "the row has {} bytes, more than {}", bytes.size(), kMaxRowBytes);
  try {
    return parse_json(bytes, "malformed JSON", {.repair_surrogates = true});
  } catch (const DataError& error) {  // without its own line number, which is that inside of the row
    std::string reason = error.what();
    const std::string_view position = "parse error at line 1, ";
    if (const auto at = reason.find(position); at != std::string::npos) reason.replace(at, position.size(), "at ");
    throw DataError(reason);
  }
}

Json parse_row_object(std::string_view bytes, std::string_view example) {
  Json row = parse_row_json(bytes);
  require<DataError>(row.is_object(), "must be an object like {}", example);
  return row;
}

const Json* find_value(const Json& row, const char* key) {
  const auto found = row.find(key);
  return found == row.end() || found->is_null() ? nullptr : &*found;
}

std::string image_of(const Json& row, const char* key) {
  const Json* value = find_value(row, key);
  require<DataError>(value != nullptr, "no '{}'", key);
  require<DataError>(value->is_string(), "'{}' must be text", key);
  return checked_image(value->get_ref<const std::string&>(), key);
}

namespace {

/// The text of an entry of a list of captions, if it is one.
const Json& text_in(const Json& entry, const char* text_key) {
  return entry.is_object() && entry.contains(text_key) ? entry[text_key] : entry;
}

}  // namespace

std::vector<std::string> captions_of(const Json& row, const char* key, const char* text_key, std::string_view kind) {
  const auto caption_of = [&](const Json& entry) {
    const Json& text = text_in(entry, text_key);
    require<CaptionError>(text.is_string(), "'{}' must be text, a list of texts, or a list of objects with '{}'", key,
                          text_key);
    return checked_caption(text.get_ref<const std::string&>(), kind);
  };
  std::vector<std::string> captions;
  const Json* value = find_value(row, key);
  if (value == nullptr) return captions;
  if (!value->is_array()) return {caption_of(*value)};
  for (const Json& entry : *value) captions.push_back(caption_of(entry));
  return captions;
}

int64_t leave_out_blank(Json& row, const char* key, const char* text_key) {
  const auto found = row.find(key);
  if (found == row.end() || !found->is_array()) return 0;
  const auto is_blank_one = [text_key](const Json& entry) {
    const Json& text = text_in(entry, text_key);
    return text.is_string() && is_blank(text.get_ref<const std::string&>());
  };
  auto& entries = found->get_ref<Json::array_t&>();
  if (std::ranges::all_of(entries, is_blank_one)) return 0;
  return static_cast<int64_t>(std::erase_if(entries, is_blank_one));
}

void for_each_line(std::string_view file, const std::function<void(std::string_view, int64_t)>& visit) {
  int64_t number = 0;
  for (size_t at = 0; at < file.size();) {
    const size_t end = std::min(file.find('\n', at), file.size());
    const std::string_view line = file.substr(at, end - at);
    ++number;
    if (!is_blank(line)) visit(line, number);
    at = end + 1;
  }
}

}  // namespace longclip
