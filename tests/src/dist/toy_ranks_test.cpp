// tests/src/dist/toy_ranks_test.cpp -- the toy model trained by several ranks: two against the original's two processes,
// and two and four against one rank with all rows.
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/autograd.h>

#include "../model/toy_golden.h"
#include "base/error.h"
#include "dist/gather.h"
#include "dist/grad_reducer.h"
#include "local_ranks.h"
#include "loss/coarse_features.h"
#include "loss/long_clip_loss.h"
#include "optim/adamw.h"
#include "optim/lr_schedule.h"
#include "support/reference_data.h"
#include "tensors/safetensors.h"

#include "support/catch.h"

namespace longclip {
namespace {

struct StepNumbers {
  double loss_long, loss_short, grad_norm, lr;
};

/// What one rank saw. `first_grads`: averaged gradients of step 0. Positions are the whole table, its kept rows with gradient 0.
struct RankRun {
  std::vector<StepNumbers> steps;
  TensorMap first_grads, weights;
};

struct Task {
  const test::Toy& toy;
  const Json& recipe;
  PcmScope scope = PcmScope::kLocal;
  int64_t num_steps = 1;
};

/// This rank's rows through the towers, gathered, with coarse features of the scope: as Trainer does it.
LossTerms rank_loss(const Task& task, const Clip& model, Communicator& comm) {
  const test::Toy& toy = task.toy;
  const int64_t pairs = toy.rows / comm.world_size(), first = comm.rank() * pairs;
  Features mine;
  mine.image = model.encode_image(toy.pixels(first, pairs), {});
  mine.long_text = model.encode_text(toy.texts("ids_long", first, pairs), {});
  mine.short_text = model.encode_text(toy.texts("ids_short", first, pairs), {});
  const Components components{.count = toy.components};
  const bool local = task.scope == PcmScope::kLocal;
  if (local) mine.coarse_image = coarse_features(mine.image, components).coarse_nE;
  const auto rows = gather_with_grad({mine.image, mine.long_text, mine.short_text, mine.coarse_image}, comm);
  Features all{rows[0], rows[1], rows[2], rows[3], at::Tensor()};
  if (!local) {
    all.coarse_image = coarse_features(all.image, components).coarse_nE;
    mine.coarse_image = all.coarse_image.narrow(0, first, pairs);
  }
  LossConfig config;
  config.label_smoothing = task.recipe.at("label_smoothing");
  config.short_weight = task.recipe.at("short_weight");
  return long_clip_loss(mine, all, model.logit_scale(), comm.rank(), config);
}

TensorMap gradients_of(const std::vector<Parameter>& parameters, int64_t kept_positions) {
  TensorMap grads;
  for (const Parameter& parameter : parameters) {
    const at::Tensor grad = parameter.tensor.grad().clone();
    const bool positions = parameter.name == "positional_embedding";
    grads[parameter.name] = positions ? at::cat({at::zeros({kept_positions, grad.size(1)}), grad}) : grad;
  }
  return grads;
}

RankRun train(const Task& task, Communicator& comm) {
  const Json& recipe = task.recipe;
  Clip model = task.toy.model(at::kFloat);
  model.set_logit_scale(recipe.at("log_scale"));
  const std::vector<Parameter> parameters = model.trained_parameters();
  std::vector<std::string> names;
  std::vector<at::Tensor> tensors;
  for (const Parameter& parameter : parameters) {
    names.push_back(parameter.name);
    tensors.push_back(parameter.tensor);
  }
  OptimConfig config;
  config.weight_decay = recipe.at("weight_decay");
  AdamW optimizer(names, tensors, config);
  GradReducer reducer(tensors, comm, /*find_unused=*/false);
  const LrSchedule schedule{recipe.at("lr"), recipe.at("warmup"), recipe.at("steps")};
  RankRun run;
  for (int64_t step = 0; step < task.num_steps; ++step) {
    optimizer.zero_grad();
    const LossTerms loss = rank_loss(task, model, comm);
    reducer.backward(loss.total);
    if (step == 0) run.first_grads = gradients_of(parameters, task.toy.architecture.kept_positions());
    run.steps.push_back(
        {loss.long_term.item<double>(), loss.short_term.item<double>(), optimizer.grad_norm().item<double>(), schedule.at(step)});
    optimizer.step(schedule.at(step));
  }
  for (const auto& [name, tensor] : model.weights()) run.weights[name] = tensor.clone();
  return run;
}

std::vector<RankRun> train_ranks(int64_t world_size, const Task& task) {
  std::vector<RankRun> runs(static_cast<size_t>(world_size));
  test::run_ranks(world_size, [&](Communicator& comm) { runs[static_cast<size_t>(comm.rank())] = train(task, comm); });
  return runs;
}

/// The elements of `whole` that `stored` has, flat, float64; of the position table only those of trained rows.
struct Comparable {
  const Architecture& architecture;

  at::Tensor pick(const std::string& name, const at::Tensor& whole, const at::Tensor& stored) const {
    return trained(name, test::sampled(whole, stored), whole.numel());
  }
  at::Tensor trained(const std::string& name, const at::Tensor& some, int64_t whole_size) const {
    const at::Tensor flat = some.flatten().to(at::kDouble);
    if (name != "positional_embedding") return flat;
    const int64_t kept = architecture.kept_positions() * architecture.text.width;
    const int64_t stride = flat.numel() == whole_size ? 1 : 37;
    const int64_t skipped = (kept + stride - 1) / stride;
    return flat.narrow(0, skipped, flat.numel() - skipped);
  }
};

const at::Tensor& stored_tensor(const TensorMap& stored, const std::string& name) {
  return stored.at(name == "positional_embedding" ? "positional_embedding_res" : name);
}

/// Without the key third of an attention bias, whose gradient is 0 in exact arithmetic: after Adam it is noise.
at::Tensor without_key_bias(const std::string& name, const at::Tensor& flat) {
  if (!name.ends_with("attn.in_proj_bias")) return flat;
  const int64_t third = flat.numel() / 3;
  return at::cat({flat.narrow(0, 0, third), flat.narrow(0, 2 * third, third)});
}

double largest(const at::Tensor& x) { return x.abs().max().item<double>(); }

void check_weights(const Task& task, const RankRun& run, const TensorMap& stored, const std::string& who) {
  const test::Toy& toy = task.toy;
  const double log_scale = task.recipe.at("log_scale");
  double worst_norm = 0, worst_update = 0;
  const Comparable comparable{toy.architecture};
  for (const auto& [name, grad] : run.first_grads) {
    const at::Tensor& wanted = stored_tensor(stored, name);
    const auto pick = [&](const at::Tensor& whole) {
      return without_key_bias(name, comparable.pick(name, whole, wanted));
    };
    const at::Tensor goal = without_key_bias(name, comparable.trained(name, wanted, grad.numel()));
    const at::Tensor start =
        name == "logit_scale" ? at::zeros_like(goal).fill_(log_scale) : pick(toy.stretched_weights.at(name));
    const double error = pick(run.weights.at(name)).sub(goal).norm().item<double>();
    const double norm = goal.norm().item<double>(), update = goal.sub(start).norm().item<double>();
    CAPTURE(name, error, norm, update);
    REQUIRE(error <= 1e-3 * norm);
    REQUIRE(error <= 1e-2 * update);
    worst_norm = std::max(worst_norm, error / norm);
    worst_update = std::max(worst_update, error / update);
  }
  test::report_difference(who + ": weights, relative l2", worst_norm, 1e-3);
  test::report_difference(who + ": weights, relative to the update", worst_update, 1e-2);
}

}  // namespace

TEST_CASE("Two ranks: losses, averaged gradients and weights equal the original's two processes", "[golden]") {
  const auto folder = test::golden_dir();
  if (!folder) {
    test::say_skipped("the comparison with the original's two processes", "../shared/golden (or LONGCLIP_GOLDEN_DIR)");
    return;
  }
  const test::Toy toy(*folder);
  const Json log = test::read_json(*folder / "toy_train_2rank.json");
  const Json& recipe = log.at("recipe");
  const Json& stored_ranks = log.at("ranks_f32");
  const auto num_steps = static_cast<int64_t>(stored_ranks.at(0).size());
  const Task task{toy, recipe, PcmScope::kLocal, num_steps};
  const auto runs = train_ranks(static_cast<int64_t>(stored_ranks.size()), task);

  double worst_first = 0, worst_loss = 0, worst_norm = 0;
  for (size_t rank = 0; rank < runs.size(); ++rank) {
    for (size_t step = 0; step < runs[rank].steps.size(); ++step) {
      const StepNumbers& got = runs[rank].steps[step];
      const Json& stored = stored_ranks.at(rank).at(step);
      const double difference = std::max(std::abs(got.loss_long - stored.at("loss_long").get<double>()),
                                         std::abs(got.loss_short - stored.at("loss_short").get<double>()));
      (step == 0 ? worst_first : worst_loss) = std::max(step == 0 ? worst_first : worst_loss, difference);
      worst_norm = std::max(worst_norm, std::abs(got.grad_norm / stored.at("grad_norm").get<double>() - 1));
      REQUIRE(got.lr == Approx(stored.at("lr").get<double>()).epsilon(1e-12));
    }
  }
  test::report_difference("two ranks: losses of step 0", worst_first, 5e-5);
  test::report_difference("two ranks: losses of later steps", worst_loss, 1e-3);
  test::report_difference("two ranks: gradient norm, relative", worst_norm, 1e-3);
  REQUIRE(worst_first <= 5e-5);
  REQUIRE(worst_loss <= 1e-3);
  REQUIRE(worst_norm <= 1e-3);

  const TensorMap stored_grads = read_safetensors(*folder / "toy_2rank_grads.safetensors").tensors;
  double worst_grad = 0;
  const Comparable comparable{toy.architecture};
  for (const auto& [name, grad] : runs[0].first_grads) {
    const at::Tensor& wanted = stored_tensor(stored_grads, name);
    const at::Tensor goal = comparable.trained(name, wanted, grad.numel());
    worst_grad = std::max(worst_grad, largest(comparable.pick(name, grad, wanted).sub(goal)) / largest(goal));
  }
  test::report_difference("two ranks: averaged gradients relative to the largest entry", worst_grad, 5e-5);
  REQUIRE(worst_grad <= 5e-5);
  check_weights(task, runs[0], read_safetensors(*folder / "toy_2rank_weights.safetensors").tensors, "two ranks");
  for (const auto& [name, weights] : runs[0].weights) {
    CAPTURE(name);
    REQUIRE(weights.equal(runs[1].weights.at(name)));  // ranks stay equal to the bit
  }
}

namespace {

/// The ranks' mean losses, first gradients and last weights are those of `one` rank with all rows.
void check_equals_one(const Task& task, const RankRun& one, const std::vector<RankRun>& ranks) {
  double worst_loss = 0, worst_grad = 0;
  for (size_t step = 0; step < one.steps.size(); ++step) {
    double loss_long = 0, loss_short = 0;
    for (const RankRun& rank : ranks) {
      loss_long += rank.steps[step].loss_long / static_cast<double>(ranks.size());
      loss_short += rank.steps[step].loss_short / static_cast<double>(ranks.size());
    }
    worst_loss = std::max({worst_loss, std::abs(loss_long - one.steps[step].loss_long), std::abs(loss_short - one.steps[step].loss_short)});
  }
  for (const auto& [name, grad] : one.first_grads) {
    worst_grad = std::max(worst_grad, largest(ranks[0].first_grads.at(name).sub(grad)) / largest(grad));
  }
  const std::string who = fmt::format("{} ranks against one, {} pairs, {} components", ranks.size(), task.toy.rows, task.toy.components);
  test::report_difference(who + ": losses", worst_loss, 1e-4);
  test::report_difference(who + ": gradients relative to the largest entry", worst_grad, 5e-5);
  REQUIRE(worst_loss <= 1e-4);
  REQUIRE(worst_grad <= 5e-5);
  TensorMap goal = one.weights;
  goal["positional_embedding_res"] = goal.at("positional_embedding");
  check_weights(task, ranks[0], goal, who);
}

}  // namespace

TEST_CASE("Two and four ranks with coarse features of all rows train as one rank with all rows", "[dist]") {
  std::vector<test::Toy> toys;
  for (const std::filesystem::path& folder : test::toy_folders()) toys.emplace_back(folder);
  toys.push_back(toys.front());
  toys.back().rows = 8;
  toys.back().components = 4;
  for (const test::Toy& toy : toys) {
    const Json recipe = test::read_json(toy.folder / "toy_train.json").at("recipe");
    const Task task{toy, recipe, PcmScope::kGlobal, 20};
    const RankRun one = train_ranks(1, task)[0];
    for (const int64_t world_size : {2, 4}) check_equals_one(task, one, train_ranks(world_size, task));
  }
}

}  // namespace longclip
