// tests/src/model/interpolate_test.cpp -- model/interpolate: values between two models, and what is no pair.
#include "model/interpolate.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>

#include <cstring>
#include <functional>

#include "base/error.h"
#include "model/weight_names.h"
#include "support/catch.h"

namespace longclip {
namespace {

ClipWeights random_clip(const std::function<void(Architecture&)>& change = [](Architecture&) {}) {
  Architecture architecture{.image_size = 16,
                            .patch_size = 8,
                            .vision = {8, 1, 1, 16},
                            .text = {8, 1, 1, 16},
                            .context_length = 248,
                            .vocabulary_size = 100,
                            .eos_id = 99,
                            .embed_dim = 4,
                            .stretch = Stretch{.keep = 20, .ratio = 4, .source_length = 77}};
  change(architecture);
  ClipWeights clip{.architecture = architecture, .tensors = {}};
  for (const auto& [name, shape] : weight_shapes(architecture)) clip.tensors[name] = at::randn(shape);
  return clip;
}

ClipWeights between(const ClipWeights& a, const ClipWeights& b, double weight) {
  return std::get<ClipWeights>(interpolate(a, b, weight, "A", "B"));
}

bool same_bits(const TensorMap& a, const TensorMap& b) {
  for (const auto& [name, tensor] : a) {
    const at::Tensor& other = b.at(name);
    if (tensor.nbytes() != other.nbytes() || std::memcmp(tensor.data_ptr(), other.data_ptr(), tensor.nbytes()) != 0)
      return false;
  }
  return a.size() == b.size();
}

}  // namespace

TEST_CASE("Interpolate: every tensor is (1 - w) A + w B, logit_scale too", "[model][unit]") {
  const ClipWeights a = random_clip(), b = random_clip();
  const ClipWeights result = between(a, b, 0.25);
  REQUIRE(result.architecture == a.architecture);
  REQUIRE(result.tensors.size() == a.tensors.size());
  for (const auto& [name, tensor] : result.tensors)
    REQUIRE(at::equal(tensor, a.tensors.at(name).mul(0.75).add(b.tensors.at(name).mul(0.25))));
}

TEST_CASE("Interpolate: weight 0 gives A and weight 1 gives B, bit for bit", "[model][unit]") {
  ClipWeights a = random_clip(), b = random_clip();
  a.tensors["visual.class_embedding"] = at::full({8}, -0.0f);  // -0 + 0 x B would be +0
  b.tensors["ln_final.bias"] = at::full({8}, -0.0f);
  REQUIRE(same_bits(between(a, b, 0).tensors, a.tensors));
  REQUIRE(same_bits(between(a, b, 1).tensors, b.tensors));
}

TEST_CASE("Interpolate: two text encoders, and how they were stretched where one of them says it", "[model][unit]") {
  TextEncoderWeights a = text_encoder_of(random_clip()), b = text_encoder_of(random_clip());
  b.architecture.stretch.reset();
  const auto result = std::get<TextEncoderWeights>(interpolate(a, b, 0.5, "A", "B"));
  REQUIRE(result.architecture == a.architecture);
  REQUIRE(result.tensors.size() == a.tensors.size());
  REQUIRE_THROWS_WITH(interpolate(a, random_clip(), 0.5, "A", "B"),
                      ContainsSubstring("A is a text encoder alone and B"));
}

TEST_CASE("Interpolate: different models are an error that lists every difference", "[model][unit]") {
  const ClipWeights b = random_clip();
  const ClipWeights a = random_clip([](Architecture& other) {
    other.text.layers = 2;
    other.activation = Activation::kGelu;
  });
  REQUIRE_THROWS_AS(between(a, b, 0.5), InputError);
  REQUIRE_THROWS_WITH(between(a, b, 0.5), ContainsSubstring("text/layers: 2 and 1") &&
                                              ContainsSubstring("hidden_act: \"gelu\" and \"quick_gelu\"") &&
                                              !ContainsSubstring("stretch"));
  REQUIRE_THROWS_WITH(between(b, b, 1.5), ContainsSubstring("0..1"));
  const ClipWeights kept_less = random_clip([](Architecture& other) { other.stretch->keep = 10; });
  REQUIRE_THROWS_WITH(between(kept_less, b, 0.5), ContainsSubstring("stretched differently"));
}

TEST_CASE("Interpolate: fewer positions come with the command that stretches them", "[model][unit]") {
  const ClipWeights b = random_clip();
  const auto cut = [](Architecture& other) {
    other.context_length = 77;
    other.stretch.reset();
  };
  const ClipWeights a = random_clip(cut);
  REQUIRE_THROWS_WITH(between(a, b, 0.5),
                      ContainsSubstring("context_length: 77 and 248") &&
                          ContainsSubstring("longclip stretch A OUT.safetensors --keep 20 --ratio 4"));
  const ClipWeights to = random_clip([](Architecture& other) {
    other.context_length = 200;
    other.stretch = Stretch{.keep = 30, .ratio = std::nullopt, .source_length = 77};
  });
  REQUIRE_THROWS_WITH(between(to, a, 0.5), ContainsSubstring("longclip stretch B OUT.safetensors --keep 30 --to 200"));
}

}  // namespace longclip
