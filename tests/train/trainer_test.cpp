// tests/train/trainer_test.cpp -- what a run promises: it can be stopped anywhere, its numbers depend on nothing but
// the experiment, every option trains. (Rest: trainer_options_test.cpp, and tests/e2e/train_*_test.cpp.)
#include "train/trainer.h"

#include "base/cores.h"
#include "base/error.h"
#include "base/log.h"
#include "data/loader_watch.h"
#include "small_run.h"

#include "support/catch.h"

namespace longclip {
namespace {

namespace fs = std::filesystem;
using test::checkpoint_of;
using test::column;
using test::metrics_of;
using test::SmallRun;

std::string bytes(const fs::path& run, int64_t step, const std::string& file) {
  return test::read_text(checkpoint_of(run, step) / file);
}

/// Both runs have the same losses in every step and the same bits in the last checkpoint.
void check_equal_runs(const fs::path& a, const fs::path& b, int64_t steps) {
  for (const std::string key : {"step", "epoch", "loss", "loss_long", "loss_short", "lr", "logit_scale", "grad_norm",
                                "pcm_energy", "skipped", "pairs", "tokens", "truncated"}) {
    CAPTURE(key);
    REQUIRE(column(a, key).size() == static_cast<size_t>(steps));
    REQUIRE(column(a, key) == column(b, key));
  }
  REQUIRE(bytes(a, steps, "model.safetensors") == bytes(b, steps, "model.safetensors"));
  REQUIRE(bytes(a, steps, "optimizer.safetensors") == bytes(b, steps, "optimizer.safetensors"));
}

void flip_last_byte(const fs::path& file) {
  std::string text = test::read_text(file);
  text.back() = static_cast<char>(text.back() ^ 1);
  test::write_text(file, text);
}

}  // namespace

TEST_CASE("Trainer: the metrics tell what a checkpoint cost the step after it", "[train][unit]") {
  const SmallRun run;
  const fs::path folder = run.train({"checkpoint.every_steps=3"});
  const std::vector<Json> stalls = column(folder, "checkpoint_stall_seconds");
  REQUIRE(stalls.size() == 6);
  for (size_t i = 0; i < stalls.size(); ++i) REQUIRE((stalls[i].get<double>() > 0) == (i == 3));
}

TEST_CASE("Trainer: a run that stopped twice and went on has the bits of one that never stopped", "[train][unit]") {
  for (const std::string compute : {"fp32", "bf16", "fp16"}) {
    CAPTURE(compute);
    const SmallRun run;
    const std::string precision = "precision.compute=" + compute;
    const fs::path whole = run.train({precision}, "whole");
    run.train({precision, "run.stop_after_steps=1"}, "parts");
    run.train({precision, "run.stop_after_steps=4"}, "parts");
    check_equal_runs(whole, run.train({precision}, "parts"), 6);
  }
}

TEST_CASE("Trainer: a second run of the same experiment has the bits of the first", "[train][unit]") {
  const SmallRun run;
  check_equal_runs(run.train({}, "a"), run.train({}, "b"), 6);
}

TEST_CASE("Trainer: the numbers do not depend on the number of data threads", "[train][unit]") {
  const SmallRun run;
  const std::vector<std::string> random = {"data.long_caption=random", "data.short_caption=random_sentence"};
  std::vector<std::string> many = random;
  many.insert(many.end(), {"data.workers=3", "data.prefetch_steps=1"});
  check_equal_runs(run.train(random, "one"), run.train(many, "three"), 6);
}

TEST_CASE("Trainer: keys that may change on resume may change", "[train][unit]") {
  const SmallRun run;
  const fs::path folder = run.train({"run.stop_after_steps=2"});
  run.train({"data.workers=2", "schedule.steps=8", "checkpoint.every_steps=3", "log.every_steps=5",
             "memory.activation_checkpointing=blocks"});
  REQUIRE(column(folder, "step") == std::vector<Json>{1, 2, 3, 4, 5, 6, 7, 8});
  REQUIRE(load_run_config(folder / "config.yaml").schedule.steps == 8);
}

TEST_CASE("Trainer: the log has the advice of the loader's watch whenever the times of the metrics call for it",
          "[train][unit]") {
  const SmallRun run;
  start_log("", LogLevel::kWarning);
  const int side = 1600;  // reading and shrinking two of them takes far longer than a step on two pairs
  test::write_text(run.path("large.ppm"), fmt::format("P6 {0} {0} 255\n", side) + std::string(3 * side * side, 'x'));
  test::write_text(run.path("large.jsonl"),
                   "{\"image\": \"large.ppm\", \"long\": \"one\"}\n{\"image\": \"large.ppm\", \"long\": \"two\"}\n");
  const fs::path folder = run.train({"data.train[0].path=" + run.path("large.jsonl").string(),
                                     "data.train[0].images=" + run.path("").string(), "data.pairs_per_step=2",
                                     "data.prefetch_steps=1", "schedule.steps=60", "loss.pcm.side=none"});
  LoaderWatch watch({.workers = 1, .cores = cores_for_each(1), .crop_cache = false});
  std::string advice;
  for (const Json& step : metrics_of(folder)) {
    if (const auto due = watch.add_step(step.at("data_wait_seconds"), step.at("step_seconds"))) advice = *due;
  }
  const std::string log = test::read_text(folder / "log.txt");
  if (advice.empty()) {
    WARN("a step was as slow as the pictures here, so there is no advice to be looked for");
    REQUIRE_THAT(log, !ContainsSubstring("waiting for data"));
  } else {
    REQUIRE_THAT(log, ContainsSubstring("warning") && ContainsSubstring(advice));
  }
}

TEST_CASE("Trainer: a run without a retrieval set that it measures on is refused before its folder is made",
          "[train][unit]") {
  const SmallRun run;
  REQUIRE_THROWS_WITH(run.train({"eval.retrieval=[{name: val, format: triples, path: none.jsonl}]"}),
                      ContainsSubstring("none.jsonl"));
  REQUIRE_FALSE(fs::exists(run.path("out")));
}

TEST_CASE("Trainer: a run that is complete is left as it is", "[train][unit]") {
  const SmallRun run;
  const fs::path folder = run.train();
  const std::string metrics = test::read_text(folder / "metrics.jsonl");
  run.train();
  REQUIRE(test::read_text(folder / "metrics.jsonl") == metrics);
  REQUIRE(list_checkpoints(folder).size() == 1);
}

TEST_CASE("Trainer: a damaged newest checkpoint and an unfinished one do not stop a resume", "[train][unit]") {
  const SmallRun run;
  const fs::path whole = run.train({}, "whole");
  const fs::path parts = run.train({"run.stop_after_steps=4", "checkpoint.every_steps=2"}, "parts");
  flip_last_byte(checkpoint_of(parts, 4) / "model.safetensors");
  test::write_text(parts / "checkpoints/step_00000006.unfinished/model.safetensors", "half");
  run.train({}, "parts");
  check_equal_runs(whole, parts, 6);
}

TEST_CASE("Trainer: --resume with a folder goes on from it in another run folder", "[train][unit]") {
  const SmallRun run;
  const fs::path whole = run.train({"checkpoint.every_steps=2"}, "whole");
  for (const fs::path& from : {whole, checkpoint_of(whole, 2)}) {
    const std::string name = "from_" + from.filename().string();
    const fs::path other = run.train({}, name, ResumeChoice::parse(from.string()));
    if (from == whole) {
      REQUIRE(test::read_text(other / "metrics.jsonl").empty());  // complete already
    } else {
      REQUIRE(column(other, "step") == std::vector<Json>{3, 4, 5, 6});
      REQUIRE(bytes(other, 6, "model.safetensors") == bytes(whole, 6, "model.safetensors"));
    }
  }
}

TEST_CASE("Trainer: changed data is refused with both counts, or the run goes on with the next epoch",
          "[train][unit]") {
  const SmallRun run;
  const std::string rows = test::read_text(test::small_scenes());
  const std::string source = "data.train[0].path=" + run.path("rows.jsonl").string();
  const std::vector<std::string> epochs = {source, "schedule.steps=none", "schedule.epochs=3", "data.pairs_per_step=4"};
  const auto with = [&](const std::string& more) {
    std::vector<std::string> all = epochs;
    all.push_back(more);
    return all;
  };
  test::write_text(run.path("rows.jsonl"), rows);
  const fs::path folder = run.train(with("run.stop_after_steps=5"));  // 4 steps an epoch
  test::write_text(run.path("rows.jsonl"), rows.substr(rows.find('\n') + 1));
  REQUIRE_THROWS_WITH(run.train(epochs), ContainsSubstring("16 rows before, 15 now"));
  test::write_text(run.path("rows.jsonl"), rows.substr(rows.find('\n') + 1) + rows.substr(0, rows.find('\n') + 1));
  REQUIRE_THROWS_WITH(run.train(epochs), ContainsSubstring("same number of rows, other content"));
  test::write_text(run.path("rows.jsonl"), rows.substr(rows.find('\n') + 1));
  run.train(with("data.changed=next_epoch"));  // 3 steps an epoch: the one left over
  REQUIRE(column(folder, "epoch") == std::vector<Json>{0, 0, 0, 0, 1, 2, 2, 2});
}

TEST_CASE("Trainer: a run without one complete step is refused before a folder is made", "[train][unit]") {
  const SmallRun run;
  REQUIRE_THROWS_AS(run.train({"data.pairs_per_step=17"}), InputError);
  REQUIRE_FALSE(fs::exists(run.path("out")));
}

TEST_CASE("Trainer: run.cuda_graphs on a CPU is refused before anything is written", "[train][unit]") {
  const SmallRun run;
  REQUIRE_THROWS_WITH(run.train({"run.cuda_graphs=true", "precision.compute=bf16"}), ContainsSubstring("run.cuda_graphs: this run computes on a CPU"));
  REQUIRE_FALSE(fs::exists(run.path("out")));
}

}  // namespace longclip
