// tests/train/step_features_test.cpp -- a batch in parts against the batch at once: features and every gradient.
#include "train/step_features.h"

#include <ATen/ops/randint.h>

#include <random>

#include "loss/coarse_features.h"
#include "small_run.h"
#include "train/trainer.h"

#include "support/catch.h"

namespace longclip {
namespace {

constexpr int64_t kPairs = 7;

/// A text of `length` ids with start and end.
std::vector<int32_t> text_of(size_t length, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<int32_t> ids{49406};
  while (ids.size() + 1 < length) ids.push_back(static_cast<int32_t>(random() % 49000));
  ids.push_back(49407);
  return ids;
}

PairBatch random_batch(bool has_long, bool has_short) {
  PairBatch batch;
  at::Generator generator = at::detail::createCPUGenerator(1);
  batch.pixels_BSS3 = at::randint(0, 256, {kPairs, 32, 32, 3}, generator, at::TensorOptions().dtype(at::kByte));
  for (size_t i = 0; i < kPairs; ++i) {
    batch.rows.push_back({0, static_cast<int64_t>(i)});
    batch.long_ids.push_back(has_long ? text_of(40 + 29 * i, i) : std::vector<int32_t>());
    batch.short_ids.push_back(has_short ? text_of(3 + i, 50 + i) : std::vector<int32_t>());
  }
  return batch;
}

struct Result {
  Features features;
  int64_t tokens = 0;
  std::vector<Parameter> parameters;  ///< with gradients
};

Clip model_of_test() {
  ModelConfig config;
  config.init = test::small_model();
  return load_initial_model(config);
}

Result run(const PairBatch& batch, const StepOptions& options, const LossConfig& loss_config) {
  Clip model = model_of_test();
  Communicator comm = Communicator::connect({}, {}, at::kCPU);
  std::vector<at::Tensor> tensors;
  for (const Parameter& parameter : model.trained_parameters()) tensors.push_back(parameter.tensor);
  GradReducer reducer(tensors, comm, /*find_unused=*/false);
  StepFeatures encoded(model, batch, options);
  Features features = encoded.features();
  if (loss_config.short_weight != 0) features.coarse_image = coarse_features(features.image, {.count = 2}).coarse_nE;
  encoded.backward(long_clip_loss(features, features, model.logit_scale(), 0, loss_config).total, reducer);
  return {encoded.features(), encoded.num_tokens(), model.trained_parameters()};
}

/// Largest difference of a gradient, over the largest gradient of its tensor.
double worst_gradient(const Result& found, const Result& wanted) {
  double worst = 0;
  for (size_t i = 0; i < found.parameters.size(); ++i) {
    const at::Tensor &a = found.parameters[i].tensor.grad(), &b = wanted.parameters[i].tensor.grad();
    CAPTURE(found.parameters[i].name);
    REQUIRE(a.defined());
    REQUIRE(b.defined());
    worst = std::max(worst, a.sub(b).abs().max().item<double>() / std::max(1e-6, b.abs().max().item<double>()));
  }
  return worst;
}

}  // namespace

TEST_CASE("StepFeatures: parts of any size give the features and gradients of the whole batch", "[train][unit]") {
  const PairBatch batch = random_batch(true, true);
  const Result whole = run(batch, {}, {});
  REQUIRE(whole.features.image.sizes() == at::IntArrayRef{kPairs, 32});
  REQUIRE(whole.features.long_text.sizes() == at::IntArrayRef{kPairs, 32});
  REQUIRE(whole.features.short_text.sizes() == at::IntArrayRef{kPairs, 32});
  for (const int64_t micro : {1, 2, 6, 7, 50}) {
    for (const bool recompute : {false, true}) {
      const Result parts = run(batch, {.forward = {.recompute_blocks = recompute}, .micro_pairs = micro}, {});
      CAPTURE(micro, recompute);
      REQUIRE(parts.features.image.sub(whole.features.image).abs().max().item<double>() < 1e-6);
      REQUIRE(parts.features.long_text.sub(whole.features.long_text).abs().max().item<double>() < 1e-6);
      REQUIRE(parts.features.short_text.sub(whole.features.short_text).abs().max().item<double>() < 1e-6);
      REQUIRE(worst_gradient(parts, whole) < 2e-4);
      REQUIRE(parts.tokens == whole.tokens);
    }
  }
}

TEST_CASE("StepFeatures: a text that the batch lacks is undefined, in parts too", "[train][unit]") {
  LossConfig no_short, no_long;
  no_short.short_weight = 0;
  no_long.long_weight = 0;
  for (const std::optional<int64_t> micro : {std::optional<int64_t>(), std::optional<int64_t>(2)}) {
    const Result only_long = run(random_batch(true, false), {.forward = {}, .micro_pairs = micro}, no_short);
    REQUIRE(only_long.features.long_text.defined());
    REQUIRE_FALSE(only_long.features.short_text.defined());
    const Result only_short = run(random_batch(false, true), {.forward = {}, .micro_pairs = micro}, no_long);
    REQUIRE_FALSE(only_short.features.long_text.defined());
    REQUIRE(only_short.features.short_text.defined());
  }
}

TEST_CASE("StepFeatures: it counts the tokens of both captions and encodes them as the towers do", "[train][unit]") {
  const PairBatch batch = random_batch(true, true);
  Clip model = model_of_test();
  const StepFeatures encoded(model, batch, {});
  int64_t tokens = 0;
  for (size_t i = 0; i < kPairs; ++i)
    tokens += static_cast<int64_t>(batch.long_ids[i].size() + batch.short_ids[i].size());
  REQUIRE(encoded.num_tokens() == tokens);
  const auto text = [&](const std::vector<std::vector<int32_t>>& ids) {
    return model.encode_text(pack_texts(ids, 49407, 248, at::kCPU), {});
  };
  REQUIRE(encoded.features().long_text.sub(text(batch.long_ids)).abs().max().item<double>() < 1e-6);
  REQUIRE(encoded.features().short_text.sub(text(batch.short_ids)).abs().max().item<double>() < 1e-6);
}

}  // namespace longclip
