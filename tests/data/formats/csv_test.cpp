// tests/data/formats/csv_test.cpp -- data/formats/csv.h
#include "data/formats/csv.h"

#include "base/json.h"
#include "opened.h"
#include "support/catch.h"

namespace longclip {
namespace {

SourceConfig with_short() { return {.format = SourceFormat::kCsv, .short_column = "short"}; }

std::string verdict_of_row(const std::string& row) {
  const test::DataFile file("t.csv", "filepath,title,short\n" + row + "\nlast.png,last,\n");
  return test::verdict_of(*file.open(with_short()), 0);
}

}  // namespace

TEST_CASE("Csv: quotes hold separators, line breaks and doubled quotes, and lines are counted through them",
          "[formats][unit]") {
  const test::DataFile file(
      "t.csv", "id,filepath,title\r\n1,a.png,\"one, \"\"two\"\"\r\nthree\"\r\n\r\n2,b.png,5\" nails\r\n3,c.png,");
  const auto source = file.open(SourceFormat::kCsv);
  REQUIRE(source->rows() == 3);
  REQUIRE(source->row(0).image == "a.png");
  REQUIRE(source->row(0).long_captions == std::vector<std::string>{"one, \"two\"\r\nthree"});
  REQUIRE(source->row(0).line == 2);
  REQUIRE(source->row(1).long_captions == std::vector<std::string>{"5\" nails"});
  REQUIRE(source->row(1).line == 5);
  REQUIRE(test::verdict_of(*source, 2) == "6: a long caption is empty");
}

TEST_CASE("Csv: words that other readers take for missing values are captions; an empty short one is not given",
          "[formats][unit]") {
  const test::DataFile file("t.csv", "filepath,title,short\na,NA,null\nb,1984,\nc,NaN,None\n");
  const auto source = file.open(with_short());
  REQUIRE(source->row(0).short_captions == std::vector<std::string>{"null"});
  REQUIRE(source->row(1).long_captions == std::vector<std::string>{"1984"});
  REQUIRE(source->row(1).short_captions.empty());
  REQUIRE(source->bad_rows().empty());
}

TEST_CASE("Csv: the separator is found by the columns, or taken as given", "[formats][unit]") {
  for (const std::string separator : {",", ";", "\t"}) {
    const test::DataFile file("t.csv", "\"title\"" + separator + "\"filepath\"\n\"x\"" + separator + "a\n");
    REQUIRE(file.open(SourceFormat::kCsv)->row(0).image == "a");
  }
  const test::DataFile file("t.csv", "title;filepath\nx,y;a\n");
  REQUIRE(file.open(SourceFormat::kCsv)->row(0).long_captions[0] == "x,y");
  REQUIRE_THROWS_WITH(
      file.open({.format = SourceFormat::kCsv, .separator = CsvSeparator::kComma}),
      ContainsSubstring(
          "t.csv: the columns 'filepath', 'title' are not all among those of the first line: 'title;filepath'"));
  REQUIRE_THROWS_WITH(file.open({.format = SourceFormat::kCsv, .long_column = "text"}),
                      ContainsSubstring("'title', 'filepath'; set image_column"));
  REQUIRE_THROWS_WITH(test::DataFile("t.csv", "title,title,filepath\n").open(SourceFormat::kCsv),
                      ContainsSubstring("two columns 'title'"));
}

TEST_CASE("Csv: a row that does not fit is bad by itself", "[formats][unit]") {
  REQUIRE(verdict_of_row("a,b,c") == "good");
  REQUIRE(verdict_of_row("a,b") == "2: has 2 fields, the first line has 3");
  REQUIRE(verdict_of_row("a,b,c,d") == "2: has 4 fields, the first line has 3");
  REQUIRE(verdict_of_row(",b,c") == "2: 'filepath' is empty");
  REQUIRE(verdict_of_row("a,\" \",c") == "2: a long caption is empty");
  REQUIRE(verdict_of_row("a,b, ") == "2: a short caption is empty");
  REQUIRE(verdict_of_row("a,\"b\"x,c").starts_with("2: field 2: something follows the closing quote"));
  REQUIRE(verdict_of_row("a,\xFF,c") == "2: a long caption is not UTF-8");
  REQUIRE(verdict_of_row(std::string("a\0b,c,d", 7)) == "2: 'filepath' holds a NUL");
  REQUIRE(verdict_of_row("a," + std::string(17 << 20, 'x') + ",c").starts_with("2: the row has"));
}

TEST_CASE("Csv: a quote that never ends is an error of the file, with its line", "[formats][unit]") {
  const test::DataFile file("t.csv", "filepath,title\na,b\nc,\"d\ne,f\n");
  REQUIRE_THROWS_WITH(file.open(SourceFormat::kCsv),
                      ContainsSubstring("t.csv: line 3: a quote that begins at byte 21 is never closed"));
  REQUIRE_THROWS_WITH(test::DataFile("t.csv", "filepath,title\n").open(SourceFormat::kCsv),
                      ContainsSubstring("has no rows"));
  REQUIRE_THROWS_AS(test::DataFile("t.csv", "").open(SourceFormat::kCsv), DataError);
  REQUIRE_THROWS_WITH(test::DataFile("t.csv",
                                     "\xFF\xFE"
                                     "f")
                          .open(SourceFormat::kCsv),
                      ContainsSubstring("UTF-16"));
}

TEST_CASE("Csv: the table of a spreadsheet is read as the case says", "[formats][golden]") {
  const auto cases = test::cases_dir();
  if (!cases) return test::say_skipped("a table of a spreadsheet", "cases/03_csv_from_spreadsheet");
  const auto folder = *cases / "03_csv_from_spreadsheet";
  const Json rows = parse_json(test::read_text(folder / "case.json"), "case.json")["expected"]["values"]["rows"];
  for (const CsvSeparator separator : {CsvSeparator::kAuto, CsvSeparator::kSemicolon}) {
    const auto source = build_source({.format = SourceFormat::kCsv,
                                      .path = folder / "table.csv",
                                      .images = {folder},
                                      .separator = separator,
                                      .short_column = "short"});
    REQUIRE(source->rows() == std::ssize(rows));
    REQUIRE(source->bad_rows().empty());
    for (int64_t i = 0; i < source->rows(); ++i) {
      const PairRow row = source->row(i);
      const Json& wanted = rows[static_cast<size_t>(i)];
      REQUIRE(row.image == wanted["image"].get<std::string>());
      std::string caption = row.long_captions[0];
      std::replace(caption.begin(), caption.end(), '\n', ' ');
      REQUIRE(caption == wanted["long"].get<std::string>());
      REQUIRE(row.short_captions.empty() == wanted["short"].is_null());
      if (!row.short_captions.empty()) REQUIRE(row.short_captions[0] == wanted["short"].get<std::string>());
      REQUIRE(!source->read_picture(row).empty());
    }
  }
}

}  // namespace longclip
