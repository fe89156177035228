#pragma once
// data/formats/json_cursor.h -- a walk through a large JSON text: finds where its values begin and end, builds nothing.
// It checks the structure that it walks on; what is inside of a value is checked by whoever parses that value.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace longclip {

class JsonCursor {
 public:
  explicit JsonCursor(std::string_view text) : text_(text) {}
  size_t at() const { return at_; }
  /// Skips white space; true if nothing else is left.
  bool at_end();
  /// Skips white space, and the character if it is the next one.
  bool take(char wanted);
  /// The bytes of the next value, without white space around it; its brackets are counted, but not matched. Any depth
  /// takes the same memory. Throws DataError if the text ends inside of it or no value begins here.
  std::string_view take_value();

 private:
  void skip_blanks();
  void skip_string();
  void skip_container();

  std::string_view text_;
  size_t at_ = 0;
};

/// Calls `visit` with the bytes of every element of the array at the cursor, and its number from 1, which errors name too.
/// Throws DataError if there is no array, or it is cut off or has something else than a comma between elements.
void for_each_element(JsonCursor& cursor, const std::function<void(std::string_view, int64_t)>& visit);

/// Walks through an object that is all of the text and calls `visit` with each key, as it is written between the quotes;
/// `visit` takes its value off the cursor. Throws DataError as above.
void for_each_member(JsonCursor& cursor, const std::function<void(std::string_view)>& visit);

/// Throws DataError unless only white space is left.
void check_end(JsonCursor& cursor);

}  // namespace longclip
