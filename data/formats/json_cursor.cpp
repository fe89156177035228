// data/formats/json_cursor.cpp -- see data/formats/json_cursor.h
#include "data/formats/json_cursor.h"

#include "base/error.h"

namespace longclip {

void JsonCursor::skip_blanks() {
  while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
    ++at_;
}

bool JsonCursor::at_end() {
  skip_blanks();
  return at_ == text_.size();
}

bool JsonCursor::take(char wanted) {
  if (at_end() || text_[at_] != wanted) return false;
  ++at_;
  return true;
}

// Quotes are found by the library's fast search; one that an odd number of backslashes precedes does not end the text.
// The runs of backslashes before two quotes do not overlap, so that all of it takes linear time.
void JsonCursor::skip_string() {
  for (size_t from = at_ + 1;;) {
    const size_t quote = text_.find('"', from);
    require<DataError>(quote != std::string_view::npos, "the text that begins at byte {} never ends", at_);
    size_t escapes = quote;
    while (escapes > from && text_[escapes - 1] == '\\') --escapes;
    from = quote + 1;
    if ((quote - escapes) % 2 != 0) continue;
    at_ = from;
    return;
  }
}

void JsonCursor::skip_container() {
  const size_t start = at_;
  for (size_t depth = 0; at_ < text_.size();) {
    const char c = text_[at_];
    if (c == '"') {
      skip_string();
      continue;
    }
    ++at_;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) return;
  }
  fail<DataError>("the value that begins at byte {} never ends", start);
}

std::string_view JsonCursor::take_value() {
  require<DataError>(!at_end(), "a value is missing at the end");
  const size_t start = at_;
  if (text_[at_] == '"') {
    skip_string();
  } else if (text_[at_] == '{' || text_[at_] == '[') {
    skip_container();
  } else {
    at_ = std::min(text_.find_first_of(",]} \t\r\n", at_), text_.size());
    require<DataError>(at_ > start, "a value is missing at byte {}", at_);
  }
  return text_.substr(start, at_ - start);
}

void for_each_element(JsonCursor& cursor, const std::function<void(std::string_view, int64_t)>& visit) {
  require<DataError>(cursor.take('['), "is no JSON array");
  if (cursor.take(']')) return;
  for (int64_t number = 1;; ++number) {
    std::string_view value;
    try {
      value = cursor.take_value();
    } catch (const DataError& error) {
      fail<DataError>("the array is cut off or broken in element {}: {}", number, error.what());
    }
    visit(value, number);
    if (cursor.take(']')) return;
    require<DataError>(!cursor.at_end(), "the array is cut off behind element {}", number);
    require<DataError>(cursor.take(','), "the array is broken behind element {}: a comma is missing at byte {}", number,
                       cursor.at());
  }
}

void for_each_member(JsonCursor& cursor, const std::function<void(std::string_view)>& visit) {
  require<DataError>(cursor.take('{'), "is no JSON object");
  if (!cursor.take('}')) {
    do {
      require<DataError>(!cursor.at_end(), "the object is cut off");
      const std::string_view key = cursor.take_value();
      require<DataError>(key.size() >= 2 && key.front() == '"' && cursor.take(':'), "the object is broken at byte {}",
                         cursor.at());
      visit(key.substr(1, key.size() - 2));
    } while (cursor.take(','));
    require<DataError>(cursor.take('}'), "the object is cut off or broken at byte {}", cursor.at());
  }
  check_end(cursor);
}

void check_end(JsonCursor& cursor) {
  require<DataError>(cursor.at_end(), "something follows the end of the JSON, at byte {}", cursor.at());
}

}  // namespace longclip
