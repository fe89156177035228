// tests/data/formats/sample_index_test.cpp -- data/formats/sample_index.h
#include "data/formats/sample_index.h"

#include "data/formats/coco.h"
#include "support/catch.h"

namespace longclip {
namespace {

const std::string kFile = "{\"image\": \"a\", \"long\": \"x\"}\n{}\n\n{\"image\": \"b\", \"long\": \"y\"}\n";
const IndexKey kKey{"key", {kFile.size(), 5, 7}};

std::string index_of_file() {
  const Triples format;
  IndexBuilder builder(format, kFile);
  format.scan(kFile, builder);
  builder.add_composed(compose_triple("c", {"z"}, {}), 9);
  builder.add_bad({"", 10, "d", "no reason", BadKind::kMissing});
  return builder.finish(kKey);
}

}  // namespace

TEST_CASE("SampleIndex: rows, lines, composed rows and reasons come back", "[formats][unit]") {
  const SampleIndex index(index_of_file(), kKey, kFile.size());
  REQUIRE(index.rows() == 5);
  REQUIRE(index.bytes_of(2, kFile) == R"({"image": "b", "long": "y"})");
  REQUIRE(index.bytes_of(3, kFile) == compose_triple("c", {"z"}, {}));
  REQUIRE(index.line_of(2) == 4);
  REQUIRE(index.bad_rows() == std::vector<int64_t>{1, 4});
  REQUIRE(index.bad_row(0).reason == "no 'image'");
  REQUIRE(index.bad_row(0).kind == BadKind::kRow);
  REQUIRE((index.bad_row(1).image == "d" && index.bad_row(1).reason == "no reason" &&
           index.bad_row(1).kind == BadKind::kMissing));
  REQUIRE(index.hashes(2, 2)[0] == index.hash_of_row(2));
}

TEST_CASE("IndexBuilder: captions that are left out are a warning with their number", "[formats][unit]") {
  const std::string file =
      R"({"images": [{"id": 1, "file_name": "a"}], "annotations": [{"image_id": 1, "caption": "x"}, {"image_id": 1, "caption": ""},
    {"image_id": 7, "caption": "z"}]})";
  const Coco format;
  IndexBuilder builder(format, file);
  format.scan(file, builder);
  REQUIRE(builder.warnings() == std::vector<std::string>{"1 annotations are of no image in the file, 0 cannot be read",
                                                         "1 blank captions are left out; their pictures have others"});
}

TEST_CASE("SampleIndex: another file, other parameters or another version are told", "[formats][unit]") {
  const auto open = [](IndexKey key, std::string bytes) { return SampleIndex(std::move(bytes), key, kFile.size()); };
  IndexKey other = kKey;
  other.file.modified_ns += 1;
  REQUIRE_THROWS_WITH(open(other, index_of_file()), ContainsSubstring("is of another file"));
  other = kKey;
  other.text = "yek";
  REQUIRE_THROWS_WITH(open(other, index_of_file()), ContainsSubstring("is of another file"));
  std::string bytes = index_of_file();
  ++bytes[6];
  REQUIRE_THROWS_WITH(open(kKey, bytes), ContainsSubstring("no index of this version"));
}

TEST_CASE("SampleIndex: no changed byte and no cut goes unnoticed", "[formats][unit]") {
  const std::string whole = index_of_file();
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x41);
    REQUIRE_THROWS_AS(SampleIndex(changed, kKey, kFile.size()), DataError);
    REQUIRE_THROWS_AS(SampleIndex(whole.substr(0, at), kKey, kFile.size()), DataError);
  }
  REQUIRE_THROWS_WITH(SampleIndex(whole, kKey, kFile.size() - 20), ContainsSubstring("row 2 lies outside of the data"));
}

}  // namespace longclip
