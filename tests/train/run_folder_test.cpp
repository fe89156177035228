// tests/train/run_folder_test.cpp -- whose a run folder is, and what is taken up from it.
#include "train/run_folder.h"

#include "base/error.h"
#include "small_run.h"

#include "support/catch.h"

namespace longclip {
namespace {

namespace fs = std::filesystem;
using test::SmallRun;
using Mode = ResumeChoice::Mode;

ResumeChoice never() { return {.mode = Mode::kNever, .from = {}}; }

}  // namespace

TEST_CASE("ResumeChoice: auto, never or a folder that exists", "[train][unit]") {
  const test::TemporaryFolder folder;
  REQUIRE(ResumeChoice::parse("auto").mode == Mode::kAuto);
  REQUIRE(ResumeChoice::parse("never").mode == Mode::kNever);
  REQUIRE(ResumeChoice::parse(folder.path().string()).mode == Mode::kFrom);
}

TEST_CASE("find_checkpoint: a new or empty folder is a fresh start", "[train][unit]") {
  const SmallRun run;
  REQUIRE_FALSE(find_checkpoint(run.config(), {}).has_value());
  fs::create_directories(run.path("out"));
  REQUIRE_FALSE(find_checkpoint(run.config(), {}).has_value());
  REQUIRE_FALSE(find_checkpoint(run.config(), never()).has_value());
}

TEST_CASE("find_checkpoint: a folder with foreign files is refused by the name of one", "[train][unit]") {
  const SmallRun run;
  test::write_text(run.path("out") / "thesis.tex", "precious");
  REQUIRE_THROWS_WITH(find_checkpoint(run.config(), {}), ContainsSubstring("thesis.tex"));
  REQUIRE_THROWS_AS(find_checkpoint(run.config(), {}), InputError);
}

TEST_CASE("find_checkpoint: another experiment is refused with the keys that differ", "[train][unit]") {
  const SmallRun run;
  run.train({"run.stop_after_steps=1"});
  REQUIRE(find_checkpoint(run.config(), {})->state.step == 1);
  REQUIRE(find_checkpoint(run.config({"log.every_steps=7", "schedule.steps=20", "data.workers=2"}), {})->state.step ==
          1);
  const RunConfig other = run.config({"optim.lr=2e-3", "run.seed=6"});
  REQUIRE_THROWS_WITH(find_checkpoint(other, {}), ContainsSubstring("optim.lr: 0.001 before, 0.002 now") &&
                                                      ContainsSubstring("run.seed: 5 before, 6 now"));
  REQUIRE_THROWS_AS(find_checkpoint(other, {}), InputError);
}

TEST_CASE("find_checkpoint: never refuses a folder that was used, with or without a checkpoint", "[train][unit]") {
  const SmallRun run;
  const fs::path folder = run.train({"run.stop_after_steps=1"});
  REQUIRE_THROWS_WITH(find_checkpoint(run.config(), never()), ContainsSubstring("--resume never"));
  fs::remove_all(folder / "checkpoints");
  REQUIRE_THROWS_AS(find_checkpoint(run.config(), never()), InputError);
}

TEST_CASE("find_checkpoint: a folder to resume from is a run or one of its checkpoints", "[train][unit]") {
  const SmallRun run;
  const fs::path folder = run.train({"run.stop_after_steps=2", "checkpoint.every_steps=1"});
  const RunConfig next = run.config({}, "next");
  REQUIRE(find_checkpoint(next, ResumeChoice::parse(folder.string()))->state.step == 2);
  REQUIRE(find_checkpoint(next, ResumeChoice::parse(test::checkpoint_of(folder, 1).string()))->state.step == 1);
  fs::create_directories(run.path("empty"));
  REQUIRE_THROWS_WITH(find_checkpoint(next, ResumeChoice::parse("nowhere")), ContainsSubstring("--resume nowhere"));
  REQUIRE_THROWS_AS(find_checkpoint(next, ResumeChoice::parse("nowhere")), InputError);
  REQUIRE_THROWS_WITH(find_checkpoint(next, ResumeChoice::parse(run.path("empty").string())),
                      ContainsSubstring("holds no checkpoint"));
}

TEST_CASE("RunLogs: lines after the checkpoint's step are dropped, half a line too", "[train][unit]") {
  const SmallRun run;
  const RunConfig config = run.config({"log.tensorboard=true"});
  RunLogs(config, 0).write_step({{"step", 1}, {"loss", 2.5}});
  RunLogs(config, 1).write_step({{"step", 2}, {"loss", 1.5}});
  const fs::path metrics = config.run.dir / "metrics.jsonl";
  test::write_text(metrics, test::read_text(metrics) + "{\"step\":3,\"lo");
  RunLogs(config, 1).write_step({{"step", 2}, {"loss", std::nan("")}});
  REQUIRE(test::read_text(metrics) == "{\"step\":1,\"loss\":2.5}\n{\"step\":2,\"loss\":null}\n");
  REQUIRE(load_run_config(config.run.dir / "config.yaml") == config);
  REQUIRE_FALSE(fs::is_empty(config.run.dir / "tb"));
}

TEST_CASE("find_checkpoint: an experiment taken from another folder names the keys that differ too", "[train][unit]") {
  const SmallRun run;
  const fs::path folder = run.train({"run.stop_after_steps=1"});
  const RunConfig other = run.config({"optim.lr=2e-3"}, "next");
  REQUIRE_THROWS_WITH(find_checkpoint(other, ResumeChoice::parse(folder.string())),
                      ContainsSubstring("optim.lr: 0.001 before, 0.002 now"));
}

TEST_CASE("find_checkpoint: what a killed write left behind does not stop a resume", "[train][unit]") {
  const SmallRun run;
  const fs::path folder = run.train({"run.stop_after_steps=1"});
  for (const std::string name : {"config.yaml", "metrics.jsonl", "bad_samples.jsonl"}) {
    test::write_text(folder / (name + ".tmp4711"), "half");
  }
  REQUIRE(find_checkpoint(run.config(), {})->state.step == 1);
}

TEST_CASE("find_checkpoint: another experiment that has no checkpoint yet is not started over", "[train][unit]") {
  const SmallRun run;
  const fs::path folder = run.train({"run.stop_after_steps=1"});
  fs::remove_all(folder / "checkpoints");  // as after a kill before the first checkpoint
  REQUIRE_FALSE(find_checkpoint(run.config(), {}).has_value());
  REQUIRE_THROWS_WITH(find_checkpoint(run.config({"optim.lr=2e-3"}), {}), ContainsSubstring("optim.lr"));
}

}  // namespace longclip
