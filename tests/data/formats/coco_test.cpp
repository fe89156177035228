// tests/data/formats/coco_test.cpp -- data/formats/coco.h
#include "data/formats/coco.h"

#include "opened.h"
#include "support/catch.h"

namespace longclip {

TEST_CASE("Coco: an image has all its captions, wherever they stand, as long and as short ones", "[formats][unit]") {
  const test::DataFile file(
      "c.json",
      R"({"info": {"x": [1]}, "annotations": [{"image_id": 9, "id": 1, "caption": "a"}, {"image_id": 4, "id": 2, "caption": "b"},
    {"image_id": 9, "id": 3, "caption": "c\n"}, {"image_id": 77, "caption": "of no image"}, {"caption": 3}],
    "images": [{"id": 9, "file_name": "nine.jpg"}, {"id": 4, "file_name": "four.jpg"}]})");
  const auto source = file.open(SourceFormat::kCoco);
  REQUIRE(source->rows() == 2);
  const PairRow row = source->row(0);
  REQUIRE(row.image == "nine.jpg");
  REQUIRE(row.long_captions == std::vector<std::string>{"a", "c\n"});
  REQUIRE(row.short_captions == row.long_captions);
  REQUIRE(source->row(1).line == 2);
}

TEST_CASE("Coco: a blank caption is left out where the image has others", "[formats][unit]") {
  const test::DataFile file("c.json",
                            R"({"images": [{"id": 1, "file_name": "a"}, {"id": 2, "file_name": "b"}], "annotations": [
    {"image_id": 1, "caption": "x"}, {"image_id": 1, "caption": " \n"}, {"image_id": 2, "caption": ""}, {"image_id": 1, "caption": "y"}]})");
  const auto source = file.open(SourceFormat::kCoco);
  REQUIRE(source->row(0).long_captions == std::vector<std::string>{"x", "y"});
  REQUIRE(source->row(0).short_captions == source->row(0).long_captions);
  REQUIRE(test::verdict_of(*source, 1) == "2: a long caption is empty");
}

TEST_CASE("Coco: an image that cannot be used is bad by itself", "[formats][unit]") {
  const test::DataFile file(
      "c.json",
      R"({"images": [{"id": 1, "file_name": "a"}, {"id": 2, "file_name": "b"}, {"id": 1, "file_name": "c"}, {"id": "3", "file_name": "d"},
    {"id": 4}, [], {"id": 5, "file_name": "e", "id": 6}], "annotations": [{"image_id": 1, "caption": " "}]})");
  REQUIRE(test::verdicts_of(*file.open(SourceFormat::kCoco)) ==
          std::vector<std::string>{"1: a long caption is empty", "2: no caption: 'annotations' has none of this image",
                                   "3: the id 1 is there twice", "4: 'id' must be a whole number", "5: no 'file_name'",
                                   R"(6: must be an object like {"id": ..., "file_name": ...})",
                                   "7: malformed JSON: duplicate key 'id'"});
}

TEST_CASE("Coco: a file that is cut off or something else is an error of the file", "[formats][unit]") {
  const std::string whole =
      R"({"images": [{"id": 1, "file_name": "a"}], "annotations": [{"image_id": 1, "caption": "x"}]})";
  REQUIRE(test::DataFile("c.json", whole).open(SourceFormat::kCoco)->rows() == 1);
  for (size_t size = 0; size < whole.size(); ++size)
    REQUIRE_THROWS_WITH(test::DataFile("c.json", whole.substr(0, size)).open(SourceFormat::kCoco),
                        ContainsSubstring("c.json: "));
  REQUIRE_THROWS_WITH(test::DataFile("c.json", R"({"images": []})").open(SourceFormat::kCoco),
                      ContainsSubstring("'annotations' is missing"));
  REQUIRE_THROWS_WITH(test::DataFile("c.json", R"({"images": 3, "annotations": []})").open(SourceFormat::kCoco),
                      ContainsSubstring("is no JSON array"));
}

}  // namespace longclip
