// tests/train/retrieval_evaluation_test.cpp -- recalls of a model on a set, alone and while a run trains.
#include "train/retrieval_evaluation.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <sstream>

#include "base/error.h"
#include "checkpoint/checkpoint_folder.h"
#include "model/clip_file.h"
#include "small_run.h"
#include "train/retrieval_report.h"
#include "train/shared_encoding.h"
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

ScoresByCaptions evaluate(RetrievalJob job, const Clip& model = model_of_test()) {
  Communicator comm = Communicator::connect({}, {}, at::kCPU);
  job.encode.workers = 2;
  return evaluate_retrieval(model, job, comm);
}

/// Finite weights with which the features of pictures overflow.
Clip overflowing_model() {
  Clip model = model_of_test();
  TensorMap weights = model.weights();
  weights["visual.ln_post.weight"] = weights.at("visual.ln_post.weight").clone().fill_(1.3e38);
  return Clip(model.architecture(), weights);
}

ScoresByCaptions evaluate(const RetrievalConfig& set, int64_t items_per_batch = 64) {
  RetrievalJob job{.set = set};
  job.encode.items_per_batch = items_per_batch;
  return evaluate(job);
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
  REQUIRE(evaluate({.set = set, .strict = false}).at("long").pictures == 16);
  REQUIRE_THROWS_WITH(evaluate(set), ContainsSubstring("rows.jsonl:17"));
}

TEST_CASE("evaluate_retrieval: captions cut to n tokens are measured beside the whole ones, and long enough a cut changes nothing",
          "[train][unit]") {
  const CaptionScores scores = evaluate({.set = scenes(RetrievalCaptions::kLong), .max_tokens = {248, 3, 20}}).at("long");
  std::vector<int64_t> lengths;
  for (const auto& [n, cut] : scores.by_max_tokens) lengths.push_back(n);
  REQUIRE(lengths == std::vector<int64_t>{3, 20, 248});
  REQUIRE(scores.by_max_tokens.at(248).rank_of_caption == scores.rank_of_caption);
  REQUIRE(scores.by_max_tokens.at(248).rank_of_picture == scores.rank_of_picture);
  // Start, "a" or "the", end: the first word of all scenes is one of few, so most captions are equal and share their places.
  REQUIRE(scores.by_max_tokens.at(3).rank_of_caption != scores.rank_of_caption);
  for (const int64_t n : {2, 249}) {
    REQUIRE_THROWS_WITH(evaluate({.set = scenes(RetrievalCaptions::kLong), .max_tokens = {n}}),
                        ContainsSubstring("--max-tokens") && ContainsSubstring("248 positions"));
  }
}

TEST_CASE("evaluate_retrieval: features that are not finite are an error, also where broken pictures are allowed", "[train][unit]") {
  for (const bool keep_going : {false, true}) {
    RetrievalJob job{.set = scenes(RetrievalCaptions::kLong)};
    job.encode.keep_going = keep_going;
    REQUIRE_THROWS_AS(evaluate(job, overflowing_model()), NotFiniteError);
  }
}

TEST_CASE("ranks_to_lines: a picture that cannot be read and its captions have no line, the others the ranks they have without it",
          "[train][unit]") {
  const test::TemporaryFolder folder;
  const std::string rows = test::read_text(test::small_scenes());
  test::write_text(folder / "val.jsonl", "{\"image\": \"gone.png\", \"long\": \"a\", \"short\": \"b\"}\n" + rows);
  RetrievalJob job{.set = scenes(RetrievalCaptions::kLong), .num_best = 2};
  const std::string wanted = ranks_to_lines(evaluate(job));
  job.set.path = folder / "val.jsonl";
  job.encode.keep_going = true;
  std::istringstream got(ranks_to_lines(evaluate(job))), expected(wanted);
  size_t lines = 0;
  for (std::string a, b; std::getline(got, a); ++lines) {
    REQUIRE(std::getline(expected, b));
    const Json mine = parse_json(a, "line"), other = parse_json(b, "line");
    for (const char* key : {"rank", "direction"}) REQUIRE(mine.at(key) == other.at(key));
    REQUIRE(mine.at("row").get<int64_t>() == other.at("row").get<int64_t>() + 1);
  }
  REQUIRE(lines == 2 * 16);
}

TEST_CASE("SharedEncoder: a text cut to n tokens is encoded as the text of its first n - 2 words", "[train][unit]") {
  const Clip model = model_of_test();
  Communicator comm = Communicator::connect({}, {}, at::kCPU);
  const SharedEncoder encoder(model, {}, comm);
  const EncodedTexts cut = encoder.texts({"a red cube stands on a table"}, 5);
  REQUIRE(cut.truncated == 1);
  REQUIRE(at::allclose(cut.text_ME, encoder.texts({"a red cube"}).text_ME, 1e-6, 1e-6));
  REQUIRE_FALSE(at::allclose(encoder.texts({"a red cube stands on a table"}, 6).text_ME, cut.text_ME, 1e-6, 1e-6));
}

TEST_CASE("evaluate_retrieval: other counts than those of a protocol are an error, unless fewer rows were asked for",
          "[train][unit]") {
  const test::TemporaryFolder folder;
  std::filesystem::create_directory(folder / "image");
  std::filesystem::create_directory(folder / "caption");
  for (const std::string name : {"1", "2"}) {
    std::filesystem::copy_file(test::small_scenes().parent_path() / "images" / "000000.png", folder / ("image/" + name + ".png"));
    test::write_text(folder / ("caption/" + name + ".txt"), "scene " + name + "\n");
  }
  RetrievalJob job;
  job.set.protocol = RetrievalProtocol::kUrban1k;
  job.set.path = folder.path();
  REQUIRE_THROWS_WITH(evaluate(job), ContainsSubstring("2 pictures and 2 captions, but urban1k has 1000 and 1000"));
  job.set.limit = 2;
  REQUIRE(evaluate(job).at("long").captions == 2);
  job.set.limit.reset();
  job.strict = false;
  REQUIRE(evaluate(job).at("long").pictures == 2);
}

TEST_CASE("ranks_to_lines: every query has a line with its rank and, where that is among the best, itself in that place",
          "[train][unit]") {
  const ScoresByCaptions scores = evaluate({.set = scenes(RetrievalCaptions::kBoth), .num_best = 4});
  std::istringstream lines(ranks_to_lines(scores));
  size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const Json query = parse_json(line, "line");
    CAPTURE(line);
    const auto rank = query.at("rank").get<size_t>();
    REQUIRE(query.at("best").size() == 4);
    for (size_t i = 0; i < 4; ++i) {
      REQUIRE((query.at("best")[i].at("row") == query.at("row")) == (i + 1 == rank));
      if (i > 0) REQUIRE(query.at("best")[i].at("score").get<double>() <= query.at("best")[i - 1].at("score").get<double>() + 1e-6);
    }
    REQUIRE(query.contains(query.at("direction") == "image_to_text" ? "picture" : "text"));
  }
  REQUIRE(count == 2 * (16 + 16));
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

TEST_CASE("Trainer: several sets are measured, each under its own name", "[train][unit]") {
  const SmallRun run;
  const std::string format = "format: triples, path: " + test::small_scenes().string() + ", images: " + test::small_scenes().parent_path().string();
  const auto folder = run.train({"eval.retrieval=[{name: a, captions: long, " + format + "}, {name: b, captions: short, limit: 4, " + format + "}]",
                                 "schedule.steps=2", "eval.every_steps=1"});
  for (const Json& step : test::metrics_of(folder)) {
    REQUIRE(step.contains("eval_a_i2t_R@1"));
    REQUIRE(step.at("eval_b_t2i_R@5") == 1);  // 4 pictures
  }
}

TEST_CASE("Trainer: keep_best keeps the first checkpoint with the highest value, beyond keep_last and across a resume",
          "[train][unit]") {
  const SmallRun run;
  const std::string metric = "eval_val_long_t2i_R@1";
  const std::vector<std::string> keys{measure(), "eval.every_steps=1", "checkpoint.keep_best=" + metric, "checkpoint.keep_last=1", "optim.lr=3e-3"};
  const auto whole = run.train(keys, "whole");
  const std::vector<Json> values = test::column(whole, metric);
  const int64_t best = std::ranges::max_element(values) - values.begin() + 1;
  CAPTURE(values, best);
  REQUIRE(best < 6);  // otherwise the last one would stay anyway
  REQUIRE(best_checkpoint(whole) == test::checkpoint_of(whole, best));
  REQUIRE(list_checkpoints(whole).size() == 2);
  REQUIRE(read_clip(whole / "checkpoints" / "best").tensors.at("logit_scale").equal(test::weights_at(whole, best).at("logit_scale")));

  std::vector<std::string> first = keys;
  first.push_back("run.stop_after_steps=3");
  run.train(first, "parts");
  const auto parts = run.train(keys, "parts");
  REQUIRE(best_checkpoint(parts) == test::checkpoint_of(parts, best));
  REQUIRE(load_checkpoint(test::checkpoint_of(parts, 6)).state.best_value == values[static_cast<size_t>(best - 1)]);
}

TEST_CASE("Trainer: an evaluation without finite features is left out, and the run goes on", "[train][unit]") {
  const SmallRun run;
  Clip model = overflowing_model();
  write_clip(run.path("overflow.safetensors"), {.architecture = model.architecture(), .tensors = model.weights(), .notes = {}});
  const auto folder = run.train({measure(), "model.init=" + run.path("overflow.safetensors").string(), "eval.every_steps=1",
                                 "checkpoint.keep_best=eval_val_long_t2i_R@1", "optim.max_skipped_steps=9"});
  const std::vector<Json> steps = test::metrics_of(folder);
  REQUIRE(steps.size() == 6);
  for (const Json& step : steps) REQUIRE_FALSE(step.contains("eval_val_long_t2i_R@1"));
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
