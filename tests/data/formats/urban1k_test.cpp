// tests/data/formats/urban1k_test.cpp -- data/formats/urban1k.h
#include "data/formats/urban1k.h"

#include "opened.h"
#include "support/catch.h"

namespace longclip {
namespace {

std::unique_ptr<PairSource> open(const std::filesystem::path& folder) {
  return build_source({.format = SourceFormat::kUrban1k, .path = folder});
}

}  // namespace

TEST_CASE("Urban1k: names are paired, in the order of numbers and then of words", "[formats][unit]") {
  const test::TemporaryFolder folder;
  std::filesystem::create_directories(folder / "image");
  std::filesystem::create_directories(folder / "caption");
  for (const std::string name : {"10", "9", "x", "b"}) {
    test::write_text(folder / ("image/" + name + ".jpg"), "picture " + name);
    test::write_text(folder / ("caption/" + name + ".txt"), "caption " + name + "\nnot this line");
  }
  test::write_text(folder / "image/9.png", "a second one");
  test::write_text(folder / "caption/b.txt", "\xFF");
  const auto source = open(folder.path());
  REQUIRE(test::verdicts_of(*source) == std::vector<std::string>{"1: two pictures have that name: 9.jpg, 9.png", "good",
                                                                 "3: caption/b.txt is not UTF-8", "good"});
  const PairRow row = source->row(1);
  REQUIRE(row.long_captions == std::vector<std::string>{"caption 10"});
  REQUIRE(row.image == "image/10.jpg");
  REQUIRE(source->read_picture(row) == "picture 10");
  REQUIRE_THROWS_WITH(open(folder / "image"), ContainsSubstring("a folder with 'image' and 'caption'"));
}

TEST_CASE("Urban1k: the folder with gaps is read as the case says", "[formats][golden]") {
  const auto cases = test::cases_dir();
  if (!cases) return test::say_skipped("Urban1k with gaps", "cases/16_urban1k_empty_caption");
  const auto source = open(*cases / "16_urban1k_empty_caption" / "set");
  std::string good;
  for (int64_t i = 0; i < source->rows(); ++i) {
    if (test::verdict_of(*source, i) == "good") good += source->row(i).image + " ";
  }
  REQUIRE(good == "image/1.jpg image/3.jpg image/5.JPG ");
  REQUIRE(source->row(2).long_captions == std::vector<std::string>{"The third caption."});
  REQUIRE(test::verdict_of(*source, 1) == "2: caption/2.txt is empty");
  REQUIRE(test::verdict_of(*source, 3) == "4: no caption/4.txt");
  REQUIRE(test::verdict_of(*source, 5) == "6: caption/6.txt is empty");
  REQUIRE(test::verdict_of(*source, 6) == "7: no picture image/10.jpg belongs to caption/10.txt");
  REQUIRE(source->rows() == 7);
}

}  // namespace longclip
