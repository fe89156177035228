// tests/src/eval/retrieval_test.cpp -- recall, its rule for equal scores, and its independence of the block size.
#include "eval/retrieval.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "base/error.h"
#include "support/catch.h"

namespace longclip {
namespace {

at::Tensor unit_rows(int64_t rows, int64_t width, uint64_t seed) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const at::Tensor features = at::randn({rows, width}, generator);
  return features / features.norm(2, 1, true);
}

std::vector<int64_t> counting(int64_t count, int64_t captions_each = 1) {
  std::vector<int64_t> picture_of_caption;
  for (int64_t i = 0; i < count; ++i) picture_of_caption.push_back(i / captions_each);
  return picture_of_caption;
}

}  // namespace

TEST_CASE("Retrieval: a picture is found when any of its captions is among the first k", "[eval][unit]") {
  const at::Tensor image = at::eye(3);
  // Picture 0 scores 0.6 and 0 with its own captions, 0.8 and 0.9 with those of picture 1: its best is third.
  const at::Tensor text =
      at::tensor({0.6F, 0.8F, 0.F, 0.F, 0.F, 1.F, 0.8F, 0.6F, 0.F, 0.9F, 0.F, 0.F, 0.F, 0.F, 1.F, 0.F, 0.F, 0.9F})
          .reshape({6, 3});
  const RetrievalScores scores = retrieval_recalls(image, text, counting(6, 2), {.ks = {1, 2, 3}});
  CHECK(scores.rank_of_picture == std::vector<int64_t>{3, 2, 2});
  CHECK(scores.rank_of_caption == std::vector<int64_t>{2, 2, 2, 2, 1, 1});
  CHECK(scores.image_to_text == std::vector<double>{0, 2.0 / 3, 1});
  CHECK(scores.text_to_image == std::vector<double>{1.0 / 3, 1, 1});
}

TEST_CASE("Retrieval: among equal scores the lower index comes first, for and against the target", "[eval][unit]") {
  const at::Tensor image = at::ones({4, 1});
  const RetrievalScores scores = retrieval_recalls(image, image, counting(4));
  CHECK(scores.rank_of_picture == std::vector<int64_t>{1, 2, 3, 4});
  CHECK(scores.rank_of_caption == std::vector<int64_t>{1, 2, 3, 4});
}

TEST_CASE("Retrieval: scores within the tolerance are equal, beyond it they are not", "[eval][unit]") {
  const at::Tensor text = at::tensor({1.F, 1.F - 4e-7F, 1.F + 4e-7F, 1.F + 4e-6F}).reshape({4, 1});
  const RetrievalScores scores = retrieval_recalls(at::ones({4, 1}), text, counting(4));
  CHECK(scores.rank_of_picture == std::vector<int64_t>{2, 3, 4, 1});
}

TEST_CASE("Retrieval: six identical pictures or captions give 1/6, 5/6 and 1 in both directions", "[eval][unit]") {
  const at::Tensor same = unit_rows(1, 32, 1).expand({6, 32});
  const at::Tensor distinct = unit_rows(6, 32, 2);
  for (const int64_t bound : {1, 7, 1 << 20}) {
    for (const bool pictures_are_same : {true, false}) {
      const Json json =
          to_json(retrieval_recalls(pictures_are_same ? same : distinct, pictures_are_same ? distinct : same,
                                    counting(6), {.max_score_elements = bound}));
      const Json expected = {{"R@1", 1.0 / 6}, {"R@5", 5.0 / 6}, {"R@10", 1.0}};
      CHECK(json == Json{{"image_to_text", expected}, {"text_to_image", expected}, {"pictures", 6}, {"captions", 6}});
    }
  }
}

TEST_CASE("Retrieval: the size of the score blocks changes no rank", "[eval][unit]") {
  const at::Tensor image = unit_rows(53, 24, 3);
  const at::Tensor text = 0.5 * image.repeat_interleave(3, 0) + unit_rows(159, 24, 4);
  const RetrievalScores whole = retrieval_recalls(image, text, counting(159, 3));
  CHECK(whole.image_to_text[0] > 0.2);
  CHECK(whole.image_to_text[0] < 1);
  for (const int64_t bound : {1, 10, 53, 54, 159, 500, 53 * 159}) {
    const RetrievalScores blocks = retrieval_recalls(image, text, counting(159, 3), {.max_score_elements = bound});
    CHECK(blocks.rank_of_picture == whole.rank_of_picture);
    CHECK(blocks.rank_of_caption == whole.rank_of_caption);
  }
}

TEST_CASE("Retrieval: the order of the captions does not matter but for ties", "[eval][unit]") {
  const at::Tensor image = unit_rows(9, 16, 5);
  const at::Tensor text = unit_rows(18, 16, 6);
  const at::Tensor reversed = at::arange(17, -1, -1);
  std::vector<int64_t> pictures = counting(18, 2);
  const RetrievalScores forward = retrieval_recalls(image, text, pictures);
  std::reverse(pictures.begin(), pictures.end());
  const RetrievalScores backward = retrieval_recalls(image, text.index_select(0, reversed), pictures);
  CHECK(forward.rank_of_picture == backward.rank_of_picture);
}

TEST_CASE("Retrieval: features that are not finite are refused", "[eval][unit]") {
  at::Tensor image = unit_rows(3, 4, 7);
  const at::Tensor text = image.clone();
  image[1][2] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(retrieval_recalls(image, text, counting(3)),
                    ContainsSubstring("image features hold a number that is not finite"));
}

TEST_CASE("Retrieval: sizes and indices that do not fit are refused by name", "[eval][unit]") {
  const at::Tensor image = unit_rows(3, 4, 8);
  CHECK_THROWS_WITH(retrieval_recalls(image, unit_rows(2, 4, 9), counting(3)),
                    ContainsSubstring("text_ME: expected [3, 4]"));
  CHECK_THROWS_WITH(retrieval_recalls(image, image, {0, 1, 3}), ContainsSubstring("caption 2 belongs to picture 3"));
  CHECK_THROWS_WITH(retrieval_recalls(image, image, {0, 1, 1}), ContainsSubstring("picture 2 has no caption"));
  CHECK_THROWS_AS(retrieval_recalls(at::empty({0, 4}), at::empty({0, 4}), {}), ShapeError);
}

TEST_CASE("Retrieval: the table shows percent in both directions and the counts", "[eval][unit]") {
  const at::Tensor image = at::ones({4, 1});
  CHECK(to_table(retrieval_recalls(image, image, counting(4))) ==
        "                     R@1     R@5    R@10\n"
        "image to text     25.00% 100.00% 100.00%\n"
        "text to image     25.00% 100.00% 100.00%\n"
        "4 pictures, 4 captions\n");
}

}  // namespace longclip
