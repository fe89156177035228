// tests/src/model/part_features_test.cpp -- patches and tokens belong to the features they come with. (Their values against
// transformers: tests/python/encode_test.py.)
#include <ATen/core/grad_mode.h>
#include <ATen/ops/randn.h>

#include "plain_clip.h"
#include "support/reference_data.h"

#include "support/catch.h"

namespace longclip {
namespace {

PackedTexts packed(const std::vector<std::vector<int32_t>>& ids, const Architecture& architecture) {
  return pack_texts(ids, architecture.eos_id, architecture.context_length, at::kCPU);
}

}  // namespace

TEST_CASE("Part features: the features are those computed without the parts", "[model][unit]") {
  const at::NoGradGuard no_grad;
  const Clip model = test::small_clip(Activation::kQuickGelu, 3, 7, at::kFloat);
  const Architecture& architecture = model.architecture();
  at::Generator generator = at::detail::createCPUGenerator(1);
  const at::Tensor images = at::randn({3, 3, architecture.image_size, architecture.image_size}, generator, at::kFloat);
  const PartFeatures pictures = model.encode_image_patches(images, {});
  REQUIRE(pictures.parts.sizes() == at::IntArrayRef({3, architecture.image_tokens() - 1, architecture.vision.width}));
  const double image = test::relative_difference(pictures.feature_NE, model.encode_image(images, {}));

  const PackedTexts texts = packed({test::random_text(5, architecture, 1), test::random_text(248, architecture, 2)}, architecture);
  const PartFeatures tokens = model.encode_text_tokens(texts, {});
  REQUIRE(tokens.parts.sizes() == at::IntArrayRef({253, architecture.text.width}));
  const double text = test::relative_difference(tokens.feature_NE, model.encode_text(texts, {}));
  test::report_difference("features with and without patches", image, 1e-5);
  test::report_difference("features with and without tokens", text, 1e-5);
  REQUIRE(image < 1e-5);
  REQUIRE(text < 1e-5);
}

TEST_CASE("Part features: a token's row does not know what follows it, and no two rows are alike", "[model][unit]") {
  const at::NoGradGuard no_grad;
  const Clip model = test::small_clip(Activation::kQuickGelu, 3, 7, at::kFloat);
  const Architecture& architecture = model.architecture();
  std::vector<int32_t> a = test::random_text(8, architecture, 1), b = a;
  b[5] = b[5] == 3 ? 4 : 3;
  const at::Tensor rows = model.encode_text_tokens(packed({a, b}, architecture), {}).parts.reshape({2, 8, -1});
  const at::Tensor difference_8 = rows[0].sub(rows[1]).abs().amax(1);
  REQUIRE(difference_8.slice(0, 0, 5).max().item<double>() < 1e-5);
  REQUIRE(difference_8.slice(0, 5, 8).min().item<double>() > 1e-4);
}

TEST_CASE("Part features: in bf16 they come as float32", "[model][unit]") {
  const at::NoGradGuard no_grad;
  const Clip model = test::small_clip(Activation::kQuickGelu, 2, 7, at::kFloat);
  const PackedTexts texts = packed({test::random_text(9, model.architecture(), 1)}, model.architecture());
  const PartFeatures narrow = model.encode_text_tokens(texts, {.compute_dtype = at::kBFloat16});
  REQUIRE(narrow.parts.scalar_type() == at::kFloat);
  REQUIRE(narrow.feature_NE.scalar_type() == at::kFloat);
}

}  // namespace longclip
