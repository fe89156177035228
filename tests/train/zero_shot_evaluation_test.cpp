// tests/train/zero_shot_evaluation_test.cpp -- accuracy of a model on a folder of classes, alone and while a run trains.
#include "train/zero_shot_evaluation.h"

#include <algorithm>

#include "base/error.h"
#include "checkpoint/checkpoint_folder.h"
#include "model/clip_file.h"
#include "small_run.h"
#include "train/trainer.h"

#include "support/catch.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

using test::SmallRun;

/// The 16 scenes as three classes of 4, 5 and 7 pictures.
void write_classes(const fs::path& folder) {
  const fs::path pictures = test::small_scenes().parent_path() / "images";
  const char* names[] = {"cone", "cube", "ball"};
  for (int i = 0; i < 16; ++i) {
    const fs::path target = folder / names[i < 4 ? 0 : i < 9 ? 1 : 2] / fmt::format("{:06}.png", i);
    fs::create_directories(target.parent_path());
    fs::copy_file(pictures / target.filename(), target);
  }
}

ZeroShotSet set_of(const fs::path& folder) {
  ZeroShotConfig config;
  config.name = "shapes";
  config.path = folder;
  config.templates = PromptTemplates::kCifar18;
  return load_zero_shot_set(config);
}

ZeroShotScores evaluate(const ZeroShotSet& set, int64_t items_per_batch, Communicator& comm, bool keep_going = false) {
  ModelConfig config;
  config.init = test::small_model();
  EncodeOptions options{.forward = {}, .items_per_batch = items_per_batch, .workers = 2};
  options.keep_going = keep_going;
  return evaluate_zero_shot(load_initial_model(config), set, options, comm);
}

Json evaluate_alone(const fs::path& folder, int64_t items_per_batch = 64, bool keep_going = false) {
  Communicator alone = Communicator::connect({}, {}, at::kCPU);
  return to_json(evaluate(set_of(folder), items_per_batch, alone, keep_going), {"ball", "cone", "cube"});
}

std::string measure(const fs::path& folder) { return "eval.zeroshot=[{name: shapes, path: " + folder.string() + ", templates: simple}]"; }

}  // namespace

TEST_CASE("evaluate_zero_shot: the accuracy does not depend on the size of a batch", "[train][unit]") {
  const test::TemporaryFolder folder;
  write_classes(folder.path());
  const Json wanted = evaluate_alone(folder.path());
  REQUIRE(wanted.at("pictures") == 16);
  REQUIRE(wanted.at("per_class")[0].at("pictures") == 7);
  for (const int64_t items : {1, 5}) REQUIRE(evaluate_alone(folder.path(), items) == wanted);
}

TEST_CASE("evaluate_zero_shot: a picture that cannot be read is left out or an error, as asked", "[train][unit]") {
  const test::TemporaryFolder folder;
  write_classes(folder.path());
  const Json wanted = evaluate_alone(folder.path());
  test::write_text(folder / "cone/000000a.png", "");
  REQUIRE_THROWS_WITH(evaluate_alone(folder.path()), ContainsSubstring("cone/000000a.png"));
  REQUIRE(evaluate_alone(folder.path(), 64, /*keep_going=*/true) == wanted);
}

TEST_CASE("Trainer: a run measures zero-shot accuracy at eval.every_steps and after the last step", "[train][unit]") {
  const SmallRun run;
  write_classes(run.path("shapes"));
  const auto folder = run.train({measure(run.path("shapes")), "eval.every_steps=4"});
  const std::vector<Json> steps = test::metrics_of(folder);
  for (size_t i = 0; i < steps.size(); ++i) {
    CAPTURE(i);
    REQUIRE(steps[i].contains("eval_shapes_top1") == (i == 3 || i == 5));
    REQUIRE(steps[i].contains("eval_shapes_top5") == (i == 3 || i == 5));
  }
  REQUIRE(test::column(folder, "loss") == test::column(run.train({}, "plain"), "loss"));
}

TEST_CASE("Trainer: keep_best keeps the first checkpoint with the highest zero-shot accuracy", "[train][unit]") {
  const SmallRun run;
  write_classes(run.path("shapes"));
  const auto folder = run.train({measure(run.path("shapes")), "eval.every_steps=1", "checkpoint.keep_best=eval_shapes_top1",
                                 "checkpoint.keep_last=1", "optim.lr=3e-3"});
  const std::vector<Json> values = test::column(folder, "eval_shapes_top1");
  const int64_t best = std::ranges::max_element(values) - values.begin() + 1;
  CAPTURE(values, best);
  REQUIRE(best_checkpoint(folder) == test::checkpoint_of(folder, best));
}

TEST_CASE("Trainer: a zero-shot set that cannot be used is an error before the first step", "[train][unit]") {
  const SmallRun run;
  REQUIRE_THROWS_WITH(run.train({measure(run.path("gone")), "eval.every_steps=4"}), ContainsSubstring("gone: no such folder"));
  REQUIRE_FALSE(fs::exists(run.path("out") / "metrics.jsonl"));
}

}  // namespace longclip
