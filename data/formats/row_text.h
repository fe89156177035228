#pragma once
// data/formats/row_text.h -- what the formats have in common: lines of a text, JSON rows, captions and their rules.
// All errors are DataErrors whose message is the reason alone.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace longclip {

/// True if nothing but white space is there.
bool is_blank(std::string_view text);
/// Without a UTF-8 byte-order mark. Throws if the text is UTF-16.
std::string_view without_mark(std::string_view file);
/// The caption itself; throws if it is blank or not UTF-8. `key` stands in the message: "a long caption is empty".
const std::string& checked_caption(const std::string& caption, std::string_view key);
/// The name itself; throws if it is empty or holds a NUL. `key`: what the row calls it.
const std::string& checked_image(const std::string& image, std::string_view key);

/// One JSON value: strict, no key twice, no longer than kMaxRowBytes; half a surrogate pair becomes U+FFFD.
Json parse_row_json(std::string_view bytes);
/// As parse_row_json, but it must be an object; `example` shows one in the message.
Json parse_row_object(std::string_view bytes, std::string_view example);
/// The value of a key, or nullptr if it is absent or null.
const Json* find_value(const Json& row, const char* key);
/// The picture's name under a key.
std::string image_of(const Json& row, const char* key);
/// Captions under a key: text, or a list of texts or of objects with `text_key`; empty if absent, null or an empty list.
/// `kind` ("long", "short") stands in messages.
std::vector<std::string> captions_of(const Json& row, const char* key, const char* text_key, std::string_view kind);

/// Takes blank captions out of a list under a key, unless all are blank; returns how many.
int64_t leave_out_blank(Json& row, const char* key, const char* text_key);

/// Calls `visit` with every line that is not blank and its number from 1; the line break is not part of it.
void for_each_line(std::string_view file, const std::function<void(std::string_view, int64_t)>& visit);

}  // namespace longclip
