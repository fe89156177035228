#pragma once
// data/formats/csv.h -- tables as text (RFC 4180): comma, semicolon or tab between fields, names of columns in the first line.

#include <optional>

#include "data/formats/row_format.h"

namespace longclip {

struct CsvOptions {
  CsvSeparator separator = CsvSeparator::kAuto;
  std::string image_column = "filepath";
  std::string long_column = "title";
  std::optional<std::string> short_column;
};

/// Every field is text: NA, null and 1984 are captions. A field in quotes may hold separators, line breaks and doubled
/// quotes; a quote inside of a field that does not begin with one is a character. An empty field of the short column is
/// not given. A row has as many fields as the first line. Blank lines are not rows; a row's line is the one it begins in.
class Csv : public RowFormat {
 public:
  explicit Csv(CsvOptions options) : options_(std::move(options)) {}
  void open(std::string_view file) override;
  void scan(std::string_view file, RowSink& rows) const override;
  void parse(std::string_view bytes, PairRow& row) const override;
  std::string parameters() const override;

 private:
  bool find_columns(const std::vector<std::string>& names, char separator);

  CsvOptions options_;
  char separator_ = ',';
  size_t columns_ = 0, image_ = 0, long_ = 0;  // their number, and places among them
  std::optional<size_t> short_;
};

/// The bytes of the record at `at`, without the line break behind it; `at` moves behind that. Throws DataError if the text
/// ends inside of quotes.
std::string_view take_csv_record(std::string_view text, char separator, size_t& at);
/// The fields of one record. Throws DataError if something follows a closing quote.
std::vector<std::string> split_csv_record(std::string_view record, char separator);

}  // namespace longclip
