// data/formats/csv.cpp -- finding records, splitting them, and the columns.
#include "data/formats/csv.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "data/formats/row_text.h"

namespace longclip {
namespace {

constexpr std::array<char, 3> kSeparators = {',', ';', '\t'};

char character_of(CsvSeparator separator) {
  if (separator == CsvSeparator::kSemicolon) return ';';
  return separator == CsvSeparator::kTab ? '\t' : ',';
}

/// Behind a field in quotes that begins at `at`: the closing quote's place, or npos.
size_t closing_quote(std::string_view text, size_t at) {
  for (size_t quote = text.find('"', at + 1); quote != std::string_view::npos; quote = text.find('"', quote + 2)) {
    if (quote + 1 >= text.size() || text[quote + 1] != '"') return quote;
  }
  return std::string_view::npos;
}

std::string unquoted(std::string_view inside) {
  std::string field;
  for (size_t i = 0; i < inside.size(); ++i) {
    field += inside[i];
    if (inside[i] == '"') ++i;  // the second one of a pair
  }
  return field;
}

/// The fields of the first line. A separator that is only tried may fail to split it: no names.
std::vector<std::string> names_of_columns(std::string_view text, char separator, bool is_tried) {
  try {
    size_t at = 0;
    const std::string_view record = take_csv_record(text, separator, at);
    require<DataError>(record.size() <= kMaxRowBytes && is_valid_utf8(record), "is not UTF-8, or too long");
    return split_csv_record(record, separator);
  } catch (const DataError& error) {
    if (is_tried) return {};
    fail<DataError>("the first line: {}", error.what());
  }
}

/// Where a column of that name stands; throws if two have it.
std::optional<size_t> place_of(const std::vector<std::string>& names, const std::string& wanted) {
  const auto found = std::find(names.begin(), names.end(), wanted);
  if (found == names.end()) return {};
  require<DataError>(std::find(found + 1, names.end(), wanted) == names.end(), "has two columns '{}'", wanted);
  return static_cast<size_t>(found - names.begin());
}

}  // namespace

std::string_view take_csv_record(std::string_view text, char separator, size_t& at) {
  const size_t start = at;
  for (;;) {  // a field each
    if (at < text.size() && text[at] == '"') {
      const size_t quote = closing_quote(text, at);
      require<DataError>(quote != std::string_view::npos, "a quote that begins at byte {} is never closed", at);
      at = quote + 1;
    }
    while (at < text.size() && text[at] != separator && text[at] != '\n') ++at;
    if (at >= text.size() || text[at] == '\n') break;
    ++at;
  }
  size_t end = at;
  if (at < text.size()) ++at;
  if (end > start && text[end - 1] == '\r') --end;
  return text.substr(start, end - start);
}

std::vector<std::string> split_csv_record(std::string_view record, char separator) {
  std::vector<std::string> fields;
  for (size_t at = 0; at <= record.size(); ++at) {
    const bool is_quoted = at < record.size() && record[at] == '"';
    size_t end = 0;
    if (is_quoted) {
      const size_t quote = closing_quote(record, at);
      require<DataError>(quote != std::string_view::npos, "a quote is never closed");
      fields.push_back(unquoted(record.substr(at + 1, quote - at - 1)));
      end = quote + 1;
      require<DataError>(end == record.size() || record[end] == separator,
                         "field {}: something follows the closing quote; a quote inside of a field is written twice",
                         fields.size());
    } else {
      end = std::min(record.find(separator, at), record.size());
      fields.emplace_back(record.substr(at, end - at));
    }
    at = end;
  }
  return fields;
}

bool Csv::find_columns(const std::vector<std::string>& names, char separator) {
  const auto image = place_of(names, options_.image_column), long_caption = place_of(names, options_.long_column);
  const auto short_caption = options_.short_column ? place_of(names, *options_.short_column) : std::nullopt;
  if (!image || !long_caption || (options_.short_column && !short_caption)) return false;
  separator_ = separator;
  columns_ = names.size();
  image_ = *image;
  long_ = *long_caption;
  short_ = short_caption;
  return true;
}

void Csv::open(std::string_view file) {
  const std::string_view text = without_mark(file);
  std::vector<char> candidates(kSeparators.begin(), kSeparators.end());
  if (options_.separator != CsvSeparator::kAuto) candidates = {character_of(options_.separator)};
  std::vector<std::string> seen;
  for (const char separator : candidates) {
    const std::vector<std::string> names = names_of_columns(text, separator, candidates.size() > 1);
    if (find_columns(names, separator)) return;
    if (names.size() > seen.size()) seen = names;
  }
  const std::string wanted = options_.image_column + "', '" + options_.long_column +
                             (options_.short_column ? "', '" + *options_.short_column : "");
  fail<DataError>(
      "the columns '{}' are not all among those of the first line: '{}'; set image_column, long_column, "
      "short_column or separator",
      wanted, fmt::join(seen, "', '"));
}

void Csv::scan(std::string_view file, RowSink& rows) const {
  const std::string_view text = without_mark(file);
  int64_t line = 1;
  bool is_header = true;
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    std::string_view record;
    try {
      record = take_csv_record(text, separator_, at);
    } catch (const DataError& error) {
      fail<DataError>("line {}: {}", line, error.what());
    }
    if (!is_header && !is_blank(record)) rows.add(record, line);
    is_header = false;
    line += std::count(text.begin() + static_cast<ptrdiff_t>(start), text.begin() + static_cast<ptrdiff_t>(at), '\n');
  }
}

void Csv::parse(std::string_view bytes, PairRow& row) const {
  require<DataError>(bytes.size() <= kMaxRowBytes, "the row has {} bytes, more than {}", bytes.size(), kMaxRowBytes);
  const std::vector<std::string> fields = split_csv_record(bytes, separator_);
  require<DataError>(fields.size() == columns_, "has {} fields, the first line has {}", fields.size(), columns_);
  row.image = checked_image(fields[image_], options_.image_column);
  require<DataError>(is_valid_utf8(row.image), "'{}' is not UTF-8", options_.image_column);
  row.long_captions = {checked_caption(fields[long_], "long")};
  if (short_ && !fields[*short_].empty()) row.short_captions = {checked_caption(fields[*short_], "short")};
}

std::string Csv::parameters() const {
  const auto part = [](const std::string& text) { return fmt::format("{}:{}", text.size(), text); };
  return fmt::format("csv {:x} {} {} {}", separator_, part(options_.image_column), part(options_.long_column),
                     options_.short_column ? part(*options_.short_column) : "none");
}

}  // namespace longclip
