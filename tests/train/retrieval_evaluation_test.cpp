// tests/train/retrieval_evaluation_test.cpp -- recalls of a model on a set, alone and while a run trains.
#include "train/retrieval_evaluation.h"

#include <fstream>

#include "base/error.h"
#include "model/clip_file.h"
#include "small_run.h"
#include "train/trainer.h"

#include "support/catch.h"

namespace longclip {
namespace {

using test::SmallRun;

Clip model_of_test() {
  ModelConfig config;
  config.init = test::small_model();
  return load_initial_model(config);
}

RetrievalConfig scenes(RetrievalCaptions captions) {
  RetrievalConfig set;
  set.name = "val";
  set.path = test::small_scenes();
  set.images = {test::small_scenes().parent_path()};
  set.captions = captions;
  return set;
}

ScoresByCaptions evaluate(const RetrievalConfig& set, int64_t items_per_batch = 64, bool bad_lines_allowed = false) {
  Communicator comm = Communicator::connect({}, {}, at::kCPU);
  return evaluate_retrieval(model_of_test(), set, {.forward = {}, .items_per_batch = items_per_batch, .workers = 2},
                            bad_lines_allowed, comm);
}

/// "--set" that measures the scenes, or another file, at the end of a run.
std::string measure(const std::filesystem::path& rows = test::small_scenes()) {
  return "eval.retrieval=[{name: val, format: triples, path: " + rows.string() +
         ", images: " + test::small_scenes().parent_path().string() + "}]";
}

}  // namespace

TEST_CASE("evaluate_retrieval: the captions asked for are measured, all pictures and captions of them",
          "[train][unit]") {
  for (const auto& [captions, names] : {std::pair{RetrievalCaptions::kLong, std::vector<std::string>{"long"}},
                                        {RetrievalCaptions::kShort, {"short"}},
                                        {RetrievalCaptions::kBoth, {"long", "short"}}}) {
    std::vector<std::string> found;
    for (const auto& [name, scores] : evaluate(scenes(captions))) {
      found.push_back(name);
      REQUIRE(scores.pictures == 16);
      REQUIRE(scores.captions == 16);
      REQUIRE(scores.ks == std::vector<int64_t>{1, 5, 10});
    }
    REQUIRE(found == names);
  }
}

TEST_CASE("evaluate_retrieval: the recalls do not depend on the size of a batch", "[train][unit]") {
  const Json wanted = to_metrics("x", evaluate(scenes(RetrievalCaptions::kBoth)));
  for (const int64_t items : {1, 5, 16})
    REQUIRE(to_metrics("x", evaluate(scenes(RetrievalCaptions::kBoth), items)) == wanted);
}

TEST_CASE("evaluate_retrieval: a row without a usable caption is left out or an error, as asked", "[train][unit]") {
  const test::TemporaryFolder folder;
  test::write_text(folder / "rows.jsonl",
                   test::read_text(test::small_scenes()) + "{\"image\": \"images/000000.png\"}\n{,}\n");
  RetrievalConfig set = scenes(RetrievalCaptions::kLong);
  set.path = folder / "rows.jsonl";
  REQUIRE(evaluate(set, 64, /*bad_lines_allowed=*/true).at("long").pictures == 16);
  REQUIRE_THROWS_WITH(evaluate(set), ContainsSubstring("rows.jsonl:17"));
}

TEST_CASE("to_metrics: the keys hold the name, the captions where there are two kinds, the direction and k",
          "[train][unit]") {
  const auto keys = [](const Json& metrics) {
    std::vector<std::string> names;
    for (const auto& [key, value] : metrics.items()) names.push_back(key);
    std::sort(names.begin(), names.end());
    return names;
  };
  REQUIRE(keys(to_metrics("val", evaluate(scenes(RetrievalCaptions::kLong)))) ==
          std::vector<std::string>{"eval_val_i2t_R@1", "eval_val_i2t_R@10", "eval_val_i2t_R@5", "eval_val_t2i_R@1",
                                   "eval_val_t2i_R@10", "eval_val_t2i_R@5"});
  const Json both = to_metrics("val", evaluate(scenes(RetrievalCaptions::kBoth)));
  REQUIRE(both.size() == 12);
  REQUIRE(both.contains("eval_val_long_i2t_R@1"));
  REQUIRE(both.contains("eval_val_short_t2i_R@10"));
}

TEST_CASE("Trainer: a run measures retrieval at eval.every_steps and after the last step", "[train][unit]") {
  const SmallRun run;
  const auto folder = run.train({measure(), "eval.every_steps=4"});
  const std::vector<Json> steps = test::metrics_of(folder);
  for (size_t i = 0; i < steps.size(); ++i) {
    CAPTURE(i);
    REQUIRE(steps[i].contains("eval_val_long_i2t_R@1") == (i == 3 || i == 5));
  }
  REQUIRE_FALSE(test::metrics_of(run.train({measure(), "run.stop_after_steps=3"}, "early"))
                    .back()
                    .contains("eval_val_long_i2t_R@1"));
}

TEST_CASE("Trainer: evaluation changes no number of the training", "[train][unit]") {
  const SmallRun run;
  const auto plain = run.train({}, "plain"), measured = run.train({measure(), "eval.every_steps=1"}, "measured");
  REQUIRE(test::column(plain, "loss") == test::column(measured, "loss"));
}

TEST_CASE("Trainer: one validation picture that is broken or gone does not end a run", "[train][unit]") {
  const SmallRun run;
  const std::string rows = test::read_text(test::small_scenes());
  test::write_text(run.path("empty.png"), "");
  for (const std::string& picture : {run.path("empty.png").string(), std::string("gone.png")}) {
    CAPTURE(picture);
    const auto file = run.path("val.jsonl");
    test::write_text(file, rows + "{\"image\": \"" + picture + "\", \"long\": \"a\", \"short\": \"b\"}\n");
    const std::string name = std::filesystem::path(picture).stem().string();
    const auto folder = run.train({measure(file), "eval.every_steps=2"}, name);
    const std::vector<Json> steps = test::metrics_of(folder);
    REQUIRE(steps.size() == 6);
    REQUIRE(steps[1].contains("eval_val_long_i2t_R@1"));
  }
}

}  // namespace longclip
