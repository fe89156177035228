// tests/fuzz/csv_fuzz.cpp -- any bytes as a table: see row_check.h. The first byte chooses the separator and whether there
// are short captions.
#include <cstdint>

#include "data/formats/csv.h"
#include "row_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  longclip::CsvOptions options;
  options.separator = static_cast<longclip::CsvSeparator>(data[0] & 3);  // auto, comma, semicolon, tab
  options.image_column = "i";
  options.long_column = "l";
  if ((data[0] & 4) != 0) options.short_column = "s";
  longclip::Csv format(options);
  longclip::check_rows(format, {reinterpret_cast<const char*>(data) + 1, size - 1});
  return 0;
}
