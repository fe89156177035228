// tests/src/eval/retrieval_golden_test.cpp -- recalls of stored features against the reference implementation's.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/json.h"
#include "eval/retrieval.h"
#include "tensors/safetensors.h"
#include "support/reference_data.h"
#include "support/catch.h"

namespace longclip {
namespace {

/// Features of the stored protocols and what the reference found.
struct Stored {
  explicit Stored(const std::filesystem::path& folder)
      : features(read_safetensors(folder / "retrieval.safetensors").tensors),
        expected(parse_json(test::read_text(folder / "retrieval.json"), "retrieval.json")) {}

  /// Captions are stored in the order of their pictures, equally many for each; `stride` takes every stride-th.
  RetrievalScores scores(const std::string& protocol, int64_t stride = 1) const {
    const at::Tensor& image = features.at(protocol + ".image");
    const at::Tensor text = features.at(protocol + ".text").slice(0, 0, std::nullopt, stride);
    std::vector<int64_t> picture_of_caption;
    for (int64_t i = 0; i < text.size(0); ++i) picture_of_caption.push_back(i * image.size(0) / text.size(0));
    return retrieval_recalls(image, text, picture_of_caption);
  }

  TensorMap features;
  Json expected;
};

std::vector<Stored> stored_folders() {
  std::vector<Stored> folders{Stored(test::committed_golden_dir())};
  if (const auto folder = test::golden_dir()) {
    folders.emplace_back(*folder);
  } else {
    test::say_skipped("recalls of the original implementation", "LONGCLIP_GOLDEN_DIR");
  }
  return folders;
}

}  // namespace

TEST_CASE("Retrieval: recalls equal the reference where no scores are equal", "[eval][golden]") {
  for (const Stored& stored : stored_folders()) {
    const Json& expected = stored.expected.at("random");
    const RetrievalScores scores = stored.scores("random");
    CHECK(scores.pictures == expected.at("images"));
    CHECK(scores.captions == expected.at("captions"));
    double largest = 0;
    for (size_t i = 0; i < scores.ks.size(); ++i) {
      const std::string at_k = "_R@" + std::to_string(scores.ks[i]);
      largest = std::max({largest, std::abs(scores.image_to_text[i] - expected.at("i2t" + at_k).get<double>()),
                          std::abs(scores.text_to_image[i] - expected.at("t2i" + at_k).get<double>())});
    }
    test::report_difference("recalls of random features", largest, 0);
    CHECK(largest == 0);
  }
}

TEST_CASE("Retrieval: one caption a picture gives the reference's accuracy of the largest score", "[eval][golden]") {
  for (const Stored& stored : stored_folders()) {
    const RetrievalScores scores = stored.scores("one_to_one");
    CHECK(scores.image_to_text[0] == stored.expected.at("one_to_one").at("i2t_R@1"));
    CHECK(scores.text_to_image[0] == stored.expected.at("one_to_one").at("t2i_R@1"));
  }
}

TEST_CASE("Retrieval: with equal scores, recalls are possible ones and those of the lower index exactly",
          "[eval][golden]") {
  for (const Stored& stored : stored_folders()) {
    const Json& expected = stored.expected.at("ties");
    const RetrievalScores scores = stored.scores("ties");
    for (size_t i = 0; i < scores.ks.size(); ++i) {
      const std::string at_k = "R@" + std::to_string(scores.ks[i]);
      const std::vector<double> both{scores.image_to_text[i], scores.text_to_image[i]};
      CHECK(both == expected.at("own_rule_low_index_first_" + at_k).get<std::vector<double>>());
      for (const size_t direction : {0, 1}) {
        const Json& possible = expected.at((direction == 0 ? "i2t_" : "t2i_") + at_k + "_possible");
        CHECK(both[direction] >= possible[0].get<double>());
        CHECK(both[direction] <= possible[1].get<double>());
      }
    }
  }
}

TEST_CASE("Retrieval: equal scores of pairs go to the lowest index, as argmax has it", "[eval][golden]") {
  for (const Stored& stored : stored_folders()) {
    const RetrievalScores scores = stored.scores("ties", 5);
    CHECK(std::vector<double>{scores.text_to_image[0], scores.image_to_text[0]} ==
          stored.expected.at("one_to_one_ties").at("own_rule_lowest_index_wins").get<std::vector<double>>());
  }
}

}  // namespace longclip
