// tests/src/model/toy_training_test.cpp -- the reference's 20 steps: losses, gradient norms, learning rates, final weights.
#include <ATen/ops/cat.h>
#include <torch/csrc/autograd/autograd.h>

#include "loss/coarse_features.h"
#include "loss/long_clip_loss.h"
#include "optim/adamw.h"
#include "optim/lr_schedule.h"
#include "support/reference_data.h"
#include "tensors/safetensors.h"
#include "toy_golden.h"

#include "support/catch.h"

namespace longclip {
namespace {

struct Worst {
  double loss = 0, norm = 0, lr = 0;
};

struct Training {
  explicit Training(const test::Toy& reference)
      : toy(reference), log(test::read_json(reference.folder / "toy_train.json")), recipe(log.at("recipe")), model(toy.model(at::kFloat)),
        schedule{recipe.at("lr"), recipe.at("warmup"), recipe.at("steps")} {
    model.set_logit_scale(recipe.at("log_scale"));
    std::vector<std::string> names;
    std::vector<at::Tensor> tensors;
    for (const Parameter& parameter : model.trained_parameters()) {
      names.push_back(parameter.name);
      tensors.push_back(parameter.tensor);
    }
    OptimConfig config;
    config.weight_decay = recipe.at("weight_decay");
    config.betas = {recipe.at("betas").at(0), recipe.at("betas").at(1)};
    config.eps = recipe.at("eps");
    optimizer.emplace(names, tensors, config);
  }

  /// One step on half of the batch; widens `worst` by its distance from the stored one.
  void step(const Json& stored, Worst& worst) {
    const int64_t index = stored.at("step"), half = toy.rows / 2, first = (index % 2) * half;
    LossConfig loss_config;
    loss_config.label_smoothing = recipe.at("label_smoothing");
    loss_config.short_weight = recipe.at("short_weight");
    Features f;
    f.image = model.encode_image(toy.pixels(first, half), {});
    f.long_text = model.encode_text(toy.texts("ids_long", first, half), {});
    f.short_text = model.encode_text(toy.texts("ids_short", first, half), {});
    f.coarse_image = coarse_features(f.image, {.count = toy.components}).coarse_nE;
    optimizer->zero_grad();
    const LossTerms loss = long_clip_loss(f, f, model.logit_scale(), 0, loss_config);
    loss.total.backward();
    const double lr = schedule.at(index);
    worst.loss = std::max({worst.loss, std::abs(loss.long_term.item<double>() - stored.at("loss_long").get<double>()),
                           std::abs(loss.short_term.item<double>() - stored.at("loss_short").get<double>())});
    worst.norm = std::max(worst.norm, std::abs(optimizer->grad_norm().item<double>() / stored.at("grad_norm").get<double>() - 1));
    worst.lr = std::max(worst.lr, std::abs(lr - stored.at("lr").get<double>()));
    optimizer->step(lr);
  }

  const test::Toy& toy;
  Json log, recipe;
  Clip model;
  LrSchedule schedule;
  std::optional<AdamW> optimizer;
};

/// The stored elements without the key third of an attention bias, whose gradient is 0 in exact arithmetic.
at::Tensor without_key_bias(const std::string& name, const at::Tensor& flat) {
  if (!name.ends_with("attn.in_proj_bias")) return flat;
  const int64_t third = flat.numel() / 3;
  return at::cat({flat.narrow(0, 0, third), flat.narrow(0, 2 * third, third)});
}

}  // namespace

TEST_CASE("Training: 20 toy steps give the reference's losses, gradient norms, learning rates and weights", "[optim][golden]") {
  for (const auto& folder : test::toy_folders()) {
    const test::Toy toy(folder);
    Training training(toy);
    Worst worst;
    for (const Json& stored : training.log.at("steps_f32")) training.step(stored, worst);
    test::report_difference("losses of the steps", worst.loss, 1e-3);
    test::report_difference("gradient norm, relative", worst.norm, 1e-3);
    test::report_difference("learning rate", worst.lr, 1e-15);
    REQUIRE(worst.loss <= 1e-3);
    REQUIRE(worst.norm <= 1e-3);
    REQUIRE(worst.lr <= 1e-15);

    const TensorMap wanted = read_safetensors(folder / "toy_trained.safetensors").tensors;
    double worst_norm = 0, worst_update = 0;
    for (const Parameter& parameter : training.model.trained_parameters()) {
      const bool positions = parameter.name == "positional_embedding";
      const at::Tensor& stored = wanted.at(positions ? "positional_embedding_res" : parameter.name);
      const at::Tensor initial = toy.stretched_weights.at(parameter.name).to(at::kFloat);
      const auto pick = [&](const at::Tensor& whole) {
        const int64_t kept = whole.dim() == 2 ? whole.size(0) - parameter.tensor.size(0) : 0;
        const at::Tensor flat = positions ? whole.narrow(0, kept, parameter.tensor.size(0)).flatten() : test::sampled(whole, stored).flatten();
        return without_key_bias(parameter.name, flat).to(at::kDouble);
      };
      // logit_scale starts from the recipe's value, not from the checkpoint
      const at::Tensor start = parameter.name == "logit_scale" ? pick(initial).fill_(training.recipe.at("log_scale").get<double>()) : pick(initial);
      const at::Tensor goal = positions ? pick(stored) : without_key_bias(parameter.name, stored.flatten()).to(at::kDouble);
      const double error = pick(parameter.tensor.detach()).sub(goal).norm().item<double>();
      const double update = goal.sub(start).norm().item<double>();
      CAPTURE(parameter.name, error, update);
      REQUIRE(error <= 1e-3 * goal.norm().item<double>());
      REQUIRE(error <= 1e-2 * update);
      worst_norm = std::max(worst_norm, error / goal.norm().item<double>());
      worst_update = std::max(worst_update, error / update);
    }
    test::report_difference("weights, relative l2", worst_norm, 1e-3);
    test::report_difference("weights, relative to the update", worst_update, 1e-2);
  }
}

}  // namespace longclip
