// tests/src/eval/zero_shot_test.cpp -- classes from prompts, accuracy from ranks, and the rule for equal scores.
#include "eval/zero_shot.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "support/catch.h"

namespace longclip {

TEST_CASE("class_features: a class is the mean of its prompts, of length 1", "[eval][unit]") {
  const at::Tensor prompts = at::tensor({1.F, 0.F, 0.F, 1.F, 0.6F, 0.8F}).reshape({3, 2});
  const at::Tensor classes = class_features(prompts, {1, 1, 0}, 2);
  const at::Tensor expected = at::tensor({0.6, 0.8, std::sqrt(0.5), std::sqrt(0.5)}, at::kDouble).reshape({2, 2});
  REQUIRE(classes.scalar_type() == at::kFloat);
  REQUIRE(classes.to(at::kDouble).sub(expected).abs().max().item<double>() < 1e-7);
}

TEST_CASE("class_features: a class without prompts and a prompt without a class are refused", "[eval][unit]") {
  REQUIRE_THROWS_AS(class_features(at::ones({2, 2}), {0, 2}, 3), ShapeError);
  REQUIRE_THROWS_AS(class_features(at::ones({2, 2}), {0, 3}, 3), ShapeError);
  REQUIRE_THROWS_AS(class_features(at::ones({2, 2}), {0}, 1), ShapeError);
}

TEST_CASE("zero_shot_scores: top-1, top-5 and the mean over classes are those counted by hand", "[eval][unit]") {
  // Seven classes along the axes. Four pictures of class 0: two right, one third, one last; one of class 6: right.
  const at::Tensor classes = at::eye(7);
  const at::Tensor pictures = at::tensor({.9F, .1F, .0F, .2F, .0F, .0F, .0F,   //
                                          .5F, .1F, .0F, .2F, .0F, .4F, .0F,   //
                                          .5F, .6F, .7F, .2F, .0F, .0F, .0F,   //
                                          .0F, .6F, .5F, .4F, .3F, .2F, .1F,   //
                                          .0F, .1F, .2F, .3F, .4F, .5F, .6F})
                                  .reshape({5, 7});
  const ZeroShotScores scores = zero_shot_scores(pictures, classes, {0, 0, 0, 0, 6});
  REQUIRE(scores.top1 == 3.0 / 5);
  REQUIRE(scores.top5 == 4.0 / 5);
  REQUIRE(scores.mean_per_class == (0.5 + 1.0) / 2);
  REQUIRE(scores.pictures == 5);
  REQUIRE(scores.pictures_of_class == std::vector<int64_t>{4, 0, 0, 0, 0, 0, 1});
  REQUIRE(scores.top1_of_class[0] == 0.5);
  REQUIRE(std::isnan(scores.top1_of_class[1]));

  const Json json = to_json(scores, {"a", "b", "c", "d", "e", "f", "g"});
  REQUIRE(json.at("top1") == 0.6);
  REQUIRE(json.at("classes") == 7);
  REQUIRE(json.at("per_class")[6] == Json{{"class", "g"}, {"top1", 1.0}, {"pictures", 1}});
  REQUIRE_THAT(to_table(scores), ContainsSubstring("top-1             60.00%") && ContainsSubstring("mean per class    75.00%") &&
                                     ContainsSubstring("5 pictures, 7 classes"));
}

TEST_CASE("zero_shot_scores: pictures and classes that know nothing of each other are right by chance, within three sigma", "[eval][unit]") {
  constexpr int64_t kPictures = 20000, kClasses = 10;
  const auto random_rows = [](int64_t rows, uint64_t seed) {
    const at::Tensor raw = at::randn({rows, 32}, at::detail::createCPUGenerator(seed), at::TensorOptions());
    return raw.div(at::linalg_vector_norm(raw, 2, {1}, /*keepdim=*/true));
  };
  std::vector<int64_t> class_of_picture;
  for (int64_t i = 0; i < kPictures; ++i) class_of_picture.push_back(i % kClasses);
  const ZeroShotScores scores = zero_shot_scores(random_rows(kPictures, 1), random_rows(kClasses, 2), class_of_picture);
  const auto is_chance = [](double share, double chance) { return std::abs(share - chance) <= 3 * std::sqrt(chance * (1 - chance) / kPictures); };
  REQUIRE(is_chance(scores.top1, 0.1));
  REQUIRE(is_chance(scores.top5, 0.5));
}

TEST_CASE("zero_shot_scores: of equal classes the first one wins, so a collapsed model is no better than chance", "[eval][unit]") {
  const at::Tensor same = at::ones({10, 1});
  std::vector<int64_t> classes;
  for (int64_t i = 0; i < 10; ++i) classes.push_back(i);
  const ZeroShotScores scores = zero_shot_scores(same, same, classes);
  REQUIRE(scores.top1 == 0.1);
  REQUIRE(scores.top5 == 0.5);
}

TEST_CASE("zero_shot_scores: what does not fit or is not finite is refused", "[eval][unit]") {
  REQUIRE_THROWS_AS(zero_shot_scores(at::ones({2, 3}), at::ones({4, 3}), {0}), ShapeError);
  REQUIRE_THROWS_AS(zero_shot_scores(at::ones({2, 3}), at::ones({4, 2}), {0, 1}), ShapeError);
  REQUIRE_THROWS_AS(zero_shot_scores(at::ones({2, 3}), at::ones({4, 3}), {0, 4}), ShapeError);
  REQUIRE_THROWS_AS(zero_shot_scores(at::ones({0, 3}), at::ones({4, 3}), {}), ShapeError);
  REQUIRE_THROWS_WITH(zero_shot_scores(at::full({1, 3}, std::numeric_limits<float>::quiet_NaN()), at::ones({4, 3}), {0}),
                      ContainsSubstring("not finite"));
}

}  // namespace longclip
