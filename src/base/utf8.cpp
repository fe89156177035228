// base/utf8.cpp -- Unicode 15, table 3-7 (well-formed byte sequences).
#include "base/utf8.h"

#include <cstdint>

namespace longclip {

bool is_valid_utf8(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0}; };
  const auto tail = [&](size_t i) { return (byte(i) & 0xC0) == 0x80; };
  for (size_t i = 0; i < text.size();) {
    const uint8_t first = byte(i);
    const uint8_t second = byte(i + 1);
    if (first < 0x80) {
      i += 1;
    } else if (first >= 0xC2 && first <= 0xDF && tail(i + 1)) {
      i += 2;
    } else if ((first & 0xF0) == 0xE0 && tail(i + 1) && tail(i + 2) && !(first == 0xE0 && second < 0xA0) &&
               !(first == 0xED && second >= 0xA0)) {
      i += 3;
    } else if (first >= 0xF0 && first <= 0xF4 && tail(i + 1) && tail(i + 2) && tail(i + 3) &&
               !(first == 0xF0 && second < 0x90) && !(first == 0xF4 && second >= 0x90)) {
      i += 4;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace longclip
