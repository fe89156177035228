// tests/data/formats/flickr_test.cpp -- data/formats/flickr.h
#include "data/formats/flickr.h"

#include "base/json.h"
#include "opened.h"
#include "support/catch.h"

namespace longclip {

TEST_CASE("Flickr: the lines of a token file that have the same name are one row", "[formats][unit]") {
  const test::DataFile file("results.token",
                            "b#1.jpg#0\tfirst\r\nc.jpg#0\tother \xC3\xA9\n\nb#1.jpg#1\tsecond\tpart\nno "
                            "tab\nd.jpg\tx\n#0\tx\ne#0\t\nf#0\t\xFF\n");
  const auto source = file.open(SourceFormat::kFlickr);
  REQUIRE(source->row(0).image == "b#1.jpg");
  REQUIRE(source->row(0).long_captions == std::vector<std::string>{"first", "second\tpart"});
  REQUIRE(source->row(0).short_captions == source->row(0).long_captions);
  REQUIRE(source->row(1).line == 2);
  const std::string shape = "is not NAME#NUMBER<tab>CAPTION";
  REQUIRE(test::verdicts_of(*source) == std::vector<std::string>{"good", "good", "5: " + shape, "6: " + shape,
                                                                 "7: " + shape, "8: a long caption is empty",
                                                                 "9: is not UTF-8"});
  REQUIRE_THROWS_WITH(file.open({.format = SourceFormat::kFlickr, .split = "test"}),
                      ContainsSubstring("a token file has no splits"));
}

TEST_CASE("Flickr: Karpathy's list has sentences and splits", "[formats][unit]") {
  const test::DataFile file("dataset.json", R"({"dataset": "flickr30k", "images": [
    {"filename": "a.jpg", "split": "train", "sentences": [{"raw": "x", "tokens": ["x"]}, {"raw": "y"}]},
    {"filename": "b.jpg", "filepath": "val2014", "split": "test", "sentences": [{"raw": "z"}]},
    {"filename": "c.jpg", "split": "test", "sentences": []}, {"filename": "d.jpg", "sentences": [{"raw": "z"}]}, {"filename": "e", "split": "test",}]})");
  const auto all = file.open(SourceFormat::kFlickr);
  REQUIRE(all->rows() == 5);
  REQUIRE(all->row(0).long_captions == std::vector<std::string>{"x", "y"});
  REQUIRE(all->row(1).image == "val2014/b.jpg");
  const auto test_split = file.open({.format = SourceFormat::kFlickr, .split = "test"});
  REQUIRE(test_split->row(0).image == "val2014/b.jpg");
  REQUIRE(test_split->row(0).line == 2);
  const auto verdicts = test::verdicts_of(*test_split);
  REQUIRE(verdicts.size() == 4);
  REQUIRE(verdicts[1].starts_with("3: no caption"));
  REQUIRE(verdicts[2] == "4: no 'split'");
  REQUIRE(verdicts[3].starts_with("5: malformed JSON"));
  const test::DataFile no_test("dataset.json",
                               R"({"images": [{"filename": "a.jpg", "split": "train", "sentences": [{"raw": "x"}]}]})");
  REQUIRE_THROWS_WITH(no_test.open({.format = SourceFormat::kFlickr, .split = "test"}),
                      ContainsSubstring("has no rows"));
  REQUIRE_THROWS_WITH(test::DataFile("d.json", "{}").open(SourceFormat::kFlickr), ContainsSubstring("has no 'images'"));
}

TEST_CASE("Flickr: captions.jsonl has a list of captions a line", "[formats][unit]") {
  const test::DataFile file("captions.jsonl",
                            "{\"image\": \"a\", \"captions\": [\"x\", \"y\"], \"split\": \"test\"}\n{\"image\": \"b\", "
                            "\"captions\": \"z\", \"split\": \"train\"}\n");
  REQUIRE(file.open(SourceFormat::kFlickr)->row(0).short_captions == std::vector<std::string>{"x", "y"});
  REQUIRE(file.open({.format = SourceFormat::kFlickr, .split = "train"})->row(0).image == "b");
}

TEST_CASE("Flickr: a blank caption is left out where the picture has others", "[formats][unit]") {
  const std::vector<std::pair<std::string, std::string>> files = {
      {"f.token", "a#0\tx\na#1\t \na#2\ty\nb#0\t\n"},
      {"f.json",
       R"({"images": [{"filename": "a", "sentences": [{"raw": "x"}, {"raw": " "}, {"raw": "y"}]}, {"filename": "b", "sentences": [{"raw": ""}]}]})"},
      {"f.jsonl",
       "{\"image\": \"a\", \"captions\": [\"x\", \"\", \"y\"]}\n{\"image\": \"b\", \"captions\": [\"\"]}\n"}};
  for (const auto& [name, text] : files) {
    CAPTURE(name);
    const auto source = test::DataFile(name, text).open(SourceFormat::kFlickr);
    REQUIRE(source->row(0).long_captions == std::vector<std::string>{"x", "y"});
    REQUIRE(source->row(0).short_captions == source->row(0).long_captions);
    REQUIRE_THAT(test::verdict_of(*source, 1), ContainsSubstring("caption is empty"));
  }
}

TEST_CASE("Flickr: the real captions of Flickr8k are read without a bad row", "[formats][golden]") {
  const auto data = test::data_dir();
  if (!data) return test::say_skipped("captions of Flickr8k", "data/flickr8k");
  const auto source = build_source(
      {.format = SourceFormat::kFlickr, .path = *data / "flickr8k" / "captions.jsonl", .images = {*data / "flickr8k"}});
  REQUIRE(source->rows() > 500);
  REQUIRE(source->bad_rows().empty());
  REQUIRE(source->row(7).long_captions.size() == 5);
}

}  // namespace longclip
