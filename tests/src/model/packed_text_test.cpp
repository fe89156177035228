// tests/src/model/packed_text_test.cpp -- packed texts against texts filled up to the context, computed plainly.
#include <ATen/ops/randn.h>
#include <torch/csrc/autograd/autograd.h>

#include <random>

#include "base/error.h"
#include "plain_clip.h"
#include "support/reference_data.h"

#include "support/catch.h"

namespace longclip {
namespace {

/// Lengths 2 and 248 (the limits of a text with start and end), 1 (an end alone), and random ones between.
std::vector<std::vector<int32_t>> texts_of_all_lengths(const Architecture& architecture, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::vector<int32_t>> ids;
  for (const int64_t length : {1, 2, 3, 20, 21, 247, 248})
    ids.push_back(test::random_text(length, architecture, ++seed));
  for (int i = 0; i < 7; ++i) {
    ids.push_back(test::random_text(1 + static_cast<int64_t>(random() % 248), architecture, ++seed));
  }
  return ids;
}

PackedTexts packed(const std::vector<std::vector<int32_t>>& ids, const Architecture& architecture) {
  return pack_texts(ids, architecture.eos_id, architecture.context_length, at::kCPU);
}

struct Difference {
  double features = 0, gradients = 0;
};

/// Packed against padded, for the same random gradient of the features.
Difference compare(Clip& model, const std::vector<std::vector<int32_t>>& ids, const ForwardOptions& options) {
  const TensorMap leaves = test::leaves_of(model);
  const at::Tensor found = model.encode_text(packed(ids, model.architecture()), options);
  const at::Tensor wanted = test::plain_text_features(leaves, model.architecture(), ids);
  at::Generator generator = at::detail::createCPUGenerator(5);
  const at::Tensor grad = at::randn(found.sizes(), generator, found.scalar_type());
  found.mul(grad).sum().backward();
  wanted.mul(grad).sum().backward();
  return {test::relative_difference(found, wanted), test::worst_gradient_difference(model, leaves)};
}

}  // namespace

TEST_CASE("Packed texts: features and gradients equal those of padded texts in double precision", "[model][unit]") {
  for (const Activation activation : {Activation::kQuickGelu, Activation::kGelu}) {
    for (const int64_t layers : {1, 3}) {
      Clip model = test::small_clip(activation, layers, 3, at::kDouble);
      const Difference difference =
          compare(model, texts_of_all_lengths(model.architecture(), 11), {.compute_dtype = at::kDouble});
      test::report_difference("packed text features, double", difference.features, 1e-12);
      test::report_difference("packed text gradients, double", difference.gradients, 1e-11);
      REQUIRE(difference.features < 1e-12);
      REQUIRE(difference.gradients < 1e-11);
    }
  }
}

TEST_CASE("Packed texts: features and gradients equal those of padded texts to float32 rounding", "[model][unit]") {
  for (const uint64_t seed : {1, 2}) {
    Clip model = test::small_clip(Activation::kQuickGelu, 3, seed, at::kFloat);
    const Difference difference = compare(model, texts_of_all_lengths(model.architecture(), 100 * seed), {});
    test::report_difference("packed text features, float32", difference.features, 1e-5);
    test::report_difference("packed text gradients, float32", difference.gradients, 1e-4);
    REQUIRE(difference.features < 1e-5);
    REQUIRE(difference.gradients < 1e-4);
  }
}

TEST_CASE("Packed texts: what stands behind the first end of text changes no bit", "[model][unit]") {
  const Clip model = test::small_clip(Activation::kQuickGelu, 2, 3, at::kFloat);
  const Architecture& architecture = model.architecture();
  std::vector<std::vector<int32_t>> ids = texts_of_all_lengths(architecture, 7);
  const at::Tensor before = model.encode_text(packed(ids, architecture), {});
  for (size_t i = 0; i < ids.size(); ++i) {
    const std::vector<int32_t> more = test::random_text(100, architecture, i);
    ids[i].insert(ids[i].end(), more.begin(), more.end());  // a second end of text too
  }
  REQUIRE(model.encode_text(packed(ids, architecture), {}).equal(before));
}

TEST_CASE("Packed texts: a text's feature does not depend on the texts beside it", "[model][unit]") {
  const Clip model = test::small_clip(Activation::kQuickGelu, 2, 3, at::kDouble);
  const Architecture& architecture = model.architecture();
  const ForwardOptions options{.compute_dtype = at::kDouble};
  const std::vector<std::vector<int32_t>> ids = texts_of_all_lengths(architecture, 7);
  const at::Tensor together = model.encode_text(packed(ids, architecture), options);
  for (size_t i = 0; i < ids.size(); ++i) {
    const at::Tensor alone = model.encode_text(packed({ids[i]}, architecture), options);
    CAPTURE(i, ids[i].size());
    REQUIRE(test::relative_difference(together[static_cast<int64_t>(i)], alone[0]) < 1e-12);
  }
}

TEST_CASE("Packed texts: a text without an end within the context is refused", "[model][unit]") {
  const Clip model = test::small_clip(Activation::kQuickGelu, 1, 3, at::kFloat);
  REQUIRE_THROWS_AS(packed({{1, 2, 3}}, model.architecture()), ShapeError);
  REQUIRE_THROWS_AS(packed({test::random_text(249, model.architecture(), 1)}, model.architecture()), ShapeError);
  REQUIRE_THROWS_AS(packed({{}}, model.architecture()), ShapeError);
}

TEST_CASE("filler_texts: the tokens become a multiple of the granule by always as many texts, each of 1 to 248 ids", "[model][unit]") {
  for (const int64_t granule : {1, 64, 250, 1024}) {
    const size_t count = filler_texts(0, granule, 9, 248).size();
    for (int64_t num_tokens = 0; num_tokens < 2 * granule + 300; num_tokens += 1 + num_tokens / 7) {
      int64_t total = num_tokens;
      const auto fillers = filler_texts(num_tokens, granule, 9, 248);
      for (const auto& ids : fillers) {
        total += static_cast<int64_t>(ids.size());
        REQUIRE((!ids.empty() && ids.size() <= 248 && ids.back() == 9));
      }
      CAPTURE(num_tokens, granule);
      REQUIRE(fillers.size() == count);
      REQUIRE(total % granule == 0);
    }
  }
}

TEST_CASE("filler_texts: features and gradients of the texts before them stay the same", "[model][unit]") {
  Clip model = test::small_clip(Activation::kQuickGelu, 2, 3, at::kDouble);
  const Architecture& architecture = model.architecture();
  const std::vector<std::vector<int32_t>> ids = texts_of_all_lengths(architecture, 7);
  const auto run = [&](const std::vector<std::vector<int32_t>>& all) {
    for (const Parameter& parameter : model.trained_parameters()) parameter.tensor.mutable_grad().reset();
    const at::Tensor features = model.encode_text(packed(all, architecture), {.compute_dtype = at::kDouble}).narrow(0, 0, static_cast<int64_t>(ids.size()));
    features.mul(at::randn(features.sizes(), at::detail::createCPUGenerator(5), at::kDouble)).sum().backward();
    TensorMap made{{"features", features.detach()}};
    for (const Parameter& parameter : model.trained_parameters()) {
      if (parameter.tensor.grad().defined()) made[parameter.name] = parameter.tensor.grad().clone();
    }
    return made;
  };
  std::vector<std::vector<int32_t>> more = ids;
  for (const auto& filler : filler_texts(packed(ids, architecture).rows.num_tokens(), 1024, architecture.eos_id, architecture.context_length)) more.push_back(filler);
  const TensorMap wanted = run(ids), got = run(more);
  REQUIRE(got.size() > 10);
  for (const auto& [name, tensor] : wanted) {
    CAPTURE(name);
    REQUIRE(test::relative_difference(got.at(name), tensor) < 1e-11);
  }
}

}  // namespace longclip
