// tests/data/retrieval_set_test.cpp -- data/retrieval_set.h and data/picture_reader.h
#include "data/retrieval_set.h"

#include <ATen/core/Tensor.h>

#include "data/picture_reader.h"
#include "small_data.h"
#include "support/catch.h"

namespace longclip {

TEST_CASE("load_retrieval_set: every row is a picture, every caption of the kind is used", "[data][unit]") {
  const test::SmallData data(3);
  const RetrievalSet longs = load_retrieval_set(data.source(), CaptionKind::kLong, false);
  REQUIRE(longs.pictures.size() == 3);
  REQUIRE(longs.picture_of_caption == std::vector<int64_t>{0, 0, 0, 1, 1, 1, 2, 2, 2});
  REQUIRE(longs.captions[5] == "two 1");
  REQUIRE(load_retrieval_set(data.source(), CaptionKind::kShort, false).captions[3] == "a 1");
}

TEST_CASE("load_retrieval_set: rows that name the same file stay apart, and captions come on one line",
          "[data][unit]") {
  const test::SmallData data(1);
  test::write_text(data.path("rows.jsonl"),
                   "{\"image\": \"000.png\", \"long\": \"a\\nb\"}\n{\"image\": \"000.png\", \"long\": \"c\"}\n");
  const RetrievalSet set = load_retrieval_set(data.source(), CaptionKind::kLong, false);
  REQUIRE(set.pictures.size() == 2);
  REQUIRE(set.captions == std::vector<std::string>{"a b", "c"});
}

TEST_CASE("load_retrieval_set: unusable rows are refused by name, or left out and listed", "[data][unit]") {
  const test::SmallData data(1);
  test::write_text(data.path("rows.jsonl"),
                   "{\n{\"image\": \"x\", \"long\": \"a\"}\n{\"image\": \"y\", \"long\": \"a\", \"short\": \"s\"}\n");
  REQUIRE_THROWS_WITH(load_retrieval_set(data.source(), CaptionKind::kShort, false),
                      ContainsSubstring("rows.jsonl:1: ") && ContainsSubstring("rows.jsonl:2: no short caption"));
  const RetrievalSet set = load_retrieval_set(data.source(), CaptionKind::kShort, true);
  REQUIRE(set.captions == std::vector<std::string>{"s"});
  REQUIRE(set.skipped.size() == 2);
  REQUIRE(set.skipped[1].reason == "no short caption");
  test::write_text(data.path("rows.jsonl"), "{\"image\": \"x\", \"long\": \"a\"}\n");
  REQUIRE_THROWS_WITH(load_retrieval_set(data.source(), CaptionKind::kShort, true),
                      ContainsSubstring("no row has a usable short caption"));
}

TEST_CASE("PictureReader: pictures come in the order of the list, whatever the number of threads", "[data][unit]") {
  const test::SmallData data(11);
  const auto files = load_retrieval_set(data.source(), CaptionKind::kLong, false).pictures;
  for (const int64_t workers : {1, 4}) {
    PictureReader reader(files, {.image_size = 4, .pictures_per_batch = 4, .workers = workers});
    std::vector<int64_t> sizes, colours;
    for (at::Tensor batch = reader.next(); batch.defined(); batch = reader.next()) {
      sizes.push_back(batch.size(0));
      for (int64_t i = 0; i < batch.size(0); ++i) colours.push_back(batch[i][3][3][0].item<uint8_t>());
    }
    REQUIRE(sizes == std::vector<int64_t>{4, 4, 3});
    REQUIRE(colours == std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  }
}

TEST_CASE("PictureReader: the first broken or missing picture is refused by name", "[data][unit]") {
  const test::SmallData data(6, {3});
  auto files = load_retrieval_set(data.source(), CaptionKind::kLong, false).pictures;
  files.emplace_back(data.path("none.png").string());
  PictureReader reader(files, {.image_size = 4, .pictures_per_batch = 2, .workers = 3});
  REQUIRE(reader.next().size(0) == 2);
  REQUIRE_THROWS_WITH(reader.next(), ContainsSubstring("003.png"));
  PictureReader missing({files.back()}, {.image_size = 4});
  REQUIRE_THROWS_WITH(missing.next(), ContainsSubstring("none.png"));
}

}  // namespace longclip
