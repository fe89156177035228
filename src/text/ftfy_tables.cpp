// text/ftfy_tables.cpp -- reads ftfy_tables.txt. The file is part of the program, so a mistake in it is a logic_error.
#include "text/ftfy_tables.h"

#include <unicode/uniset.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <stdexcept>

#include "base/error.h"
#include "text/embedded_text.h"

namespace longclip {
namespace {

constexpr char32_t kReplacement = 0xFFFD;
constexpr uint8_t kSubstitute = 0x1A;

/// Cuts the first word off `rest`.
std::string_view next_word(std::string_view& rest) {
  const size_t blank = std::min(rest.find(' '), rest.size());
  const std::string_view word = rest.substr(0, blank);
  rest.remove_prefix(std::min(blank + 1, rest.size()));
  return word;
}

/// The lines of the file, by kind.
class TablesFile {
 public:
  TablesFile() {
    for_each_line(ftfy_tables_text(), [this](std::string_view line) { read_line(line); });
  }
  SequenceRules rules(const char* group) const { return SequenceRules(rules_.at(group)); }
  const std::string& set(const std::string& name) const { return sets_.at(name); }

  std::vector<Charmap> charmaps;

 private:
  void read_line(std::string_view line) {
    if (line.front() == '#') return;
    const std::string_view kind = next_word(line);
    const std::string name(next_word(line));
    if (kind == "charmap") {
      charmaps.emplace_back(name, parse_code_points(line));
    } else if (kind == "set") {
      sets_.emplace(name, line);
    } else {
      rules_[name].push_back(split_classes(with_sets(line)));
    }
  }

  /// "{name}" -> the members of that set; "\p{...}" stays.
  std::string with_sets(std::string_view pattern) const {
    std::string out;
    for (size_t i = 0; i < pattern.size();) {
      if (pattern[i] != '{' || out.ends_with("\\p")) {
        out += pattern[i++];
        continue;
      }
      const size_t end = pattern.find('}', i);
      out += set(std::string(pattern.substr(i + 1, end - i - 1)));
      i = end + 1;
    }
    return out;
  }

  /// "[a][b-c]" -> "[a]", "[b-c]".
  static SequenceRules::Rule split_classes(std::string_view pattern) {
    SequenceRules::Rule classes;
    while (!pattern.empty()) {
      const size_t end = pattern.find(']') + 1;
      classes.emplace_back(pattern.substr(0, end));
      pattern.remove_prefix(end);
    }
    return classes;
  }

  std::map<std::string, std::string> sets_;
  std::map<std::string, std::vector<SequenceRules::Rule>> rules_;
};

std::u32string members_of(const std::string& set) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::UnicodeSet members(icu::UnicodeString::fromUTF8("[" + set + "]"), status);
  require<std::logic_error>(U_SUCCESS(status), "'{}' is not a character class: {}", set, u_errorName(status));
  std::u32string out;
  for (int32_t i = 0; i < members.size(); ++i) out += static_cast<char32_t>(members.charAt(i));
  return out;
}

}  // namespace

Charmap::Charmap(std::string name, const std::u32string& upper_half) : name_(std::move(name)) {
  require<std::logic_error>(upper_half.size() == 128, "charmap {}: {} characters instead of 128", name_,
                            upper_half.size());
  for (size_t byte = 0; byte < 256; ++byte) {
    decode_[byte] = byte < 128 ? static_cast<char32_t>(byte) : upper_half[byte - 128];
  }
  if (is_sloppy()) decode_[kSubstitute] = kReplacement;
  for (size_t byte = 0; byte < 256; ++byte) {
    if (decode_[byte] >= 0x80) encode_.emplace_back(decode_[byte], static_cast<uint8_t>(byte));
  }
  std::sort(encode_.begin(), encode_.end());
}

std::optional<std::string> Charmap::encode(std::u32string_view text) const {
  std::string bytes;
  bytes.reserve(text.size());
  for (const char32_t c : text) {
    if (c < 0x80) {
      if (decode_[c] != c) return std::nullopt;  // U+001A in a sloppy set
      bytes += static_cast<char>(c);
      continue;
    }
    const auto found = std::lower_bound(encode_.begin(), encode_.end(), std::pair<char32_t, uint8_t>(c, 0));
    if (found == encode_.end() || found->first != c) return std::nullopt;
    bytes += static_cast<char>(found->second);
  }
  return bytes;
}

const FtfyTables& ftfy_tables() {
  static const FtfyTables tables = [] {
    const TablesFile file;
    return FtfyTables{.charmaps = file.charmaps,
                      .bad = file.rules("bad"),
                      .bad_at_start = file.rules("bad_at_start"),
                      .utf8_unit = file.rules("utf8_unit"),
                      .altered_utf8 = file.rules("altered_utf8"),
                      .lossy_utf8 = file.rules("lossy_utf8"),
                      .before_no_unit = members_of(file.set("utf8_continuation_strict"))};
  }();
  return tables;
}

char32_t windows_1252(uint8_t byte) {
  const Charmap& charmap = ftfy_tables().charmaps[1];
  return charmap.decode(byte);
}

void for_each_line(std::string_view text, const std::function<void(std::string_view)>& use) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    if (!line.empty()) use(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::u32string parse_code_points(std::string_view hex_numbers) {
  std::u32string out;
  while (!hex_numbers.empty()) {
    const std::string_view word = next_word(hex_numbers);
    uint32_t number = 0;
    const auto result = std::from_chars(word.data(), word.data() + word.size(), number, 16);
    require<std::logic_error>(result.ec == std::errc(), "'{}' is no hexadecimal number", word);
    out += static_cast<char32_t>(number);
  }
  return out;
}

}  // namespace longclip
