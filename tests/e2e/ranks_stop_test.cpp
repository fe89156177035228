// tests/e2e/ranks_stop_test.cpp -- ranks that are stopped by a signal and continued, by other numbers of ranks too.
#include <cmath>

#include "base/error.h"
#include "ranks.h"
#include "training.h"

#include "support/catch.h"

namespace longclip::test {
namespace fs = std::filesystem;

namespace {

std::string schedule(int64_t steps) {
  return fmt::format(
      "loss: {{pcm: {{scope: global, components: 4}}}}\nschedule: {{steps: {}, warmup_steps: 5}}\ncheckpoint: "
      "{{every_steps: 10}}\n",
      steps);
}

int64_t latest_step(const fs::path& run) {
  const std::string name = read_text(run / "checkpoints/latest");
  return std::stoll(name.substr(name.find('_') + 1));
}

}  // namespace

TEST_CASE(
    "ranks: a signal to one rank stops all at the same step with a checkpoint, and the same command goes on to the "
    "same bits",
    "[e2e]") {
  constexpr int64_t kSteps = 60;
  const TemporaryFolder whole;
  write_ranks_experiment(whole.path(), {.bad_rows = true, .more = schedule(kSteps)});
  run_ranks(3, whole.path());
  struct Stop {
    int64_t rank;
    int signal, code;
  };
  for (const auto& [rank, signal, code] : {Stop{2, SIGTERM, 143}, Stop{0, SIGINT, 130}, Stop{1, SIGUSR1, 143}}) {
    const TemporaryFolder folder;
    write_ranks_experiment(folder.path(), {.bad_rows = true, .more = schedule(kSteps)});
    Ranks ranks(3, folder.path());
    REQUIRE(ranks.wait_until([&] { return count_lines(folder / "out/metrics.jsonl") >= 5; }));
    ranks.send(rank, signal);
    const std::vector<RankEnd> ends = ranks.wait();
    const int64_t steps = count_lines(folder / "out/metrics.jsonl");
    REQUIRE(steps < kSteps);
    REQUIRE(latest_step(folder / "out") == steps);
    for (const RankEnd& end : ends) {
      CAPTURE(rank, signal, end.err);
      REQUIRE(end.exit_code == code);
      REQUIRE_THAT(end.err, ContainsSubstring(fmt::format("stopped by a signal after step {};", steps)));
    }
    run_ranks(3, folder.path());
    require_same_run(folder.path(), whole.path(), kSteps);
  }
}

TEST_CASE("ranks: a run of 2, then 1, then 4 ranks sees the rows of a run that was left alone, step by step", "[e2e]") {
  const TemporaryFolder whole, parts;
  for (const fs::path& folder : {whole.path(), parts.path()})
    write_ranks_experiment(folder, {.bad_rows = true, .more = schedule(30)});
  run_ranks(1, whole.path());
  run_ranks(2, parts.path(), "--set run.stop_after_steps=7");
  run_ranks(1, parts.path(), "--set run.stop_after_steps=16");
  run_ranks(4, parts.path());
  REQUIRE(values_of(parts / "out/metrics.jsonl", "step") == steps_to(30));
  REQUIRE(values_of(parts / "out/row_ids.jsonl", "step") == steps_to(30));
  REQUIRE(read_text(parts / "out/row_ids.jsonl") == read_text(whole / "out/row_ids.jsonl"));
  REQUIRE(bad_samples(parts.path()) == bad_samples(whole.path()));
  REQUIRE(values_of(parts / "out/metrics.jsonl", "tokens") == values_of(whole / "out/metrics.jsonl", "tokens"));
  const std::vector<Json> one = values_of(whole / "out/metrics.jsonl", "loss"),
                          several = values_of(parts / "out/metrics.jsonl", "loss");
  for (size_t i = 0; i < one.size(); ++i) REQUIRE(std::abs(one[i].get<double>() - several[i].get<double>()) <= 1e-3);
}

TEST_CASE("ranks: every epoch visits each good row once, over all ranks and resumes", "[e2e]") {
  const TemporaryFolder folder;
  write_ranks_experiment(folder.path(), {.rows = 36, .more = schedule(12)});
  run_ranks(3, folder.path(), "--set run.stop_after_steps=5");
  run_ranks(2, folder.path());
  const std::vector<Json> steps = values_of(folder / "out/row_ids.jsonl", "rows");
  for (size_t first = 0; first < steps.size(); first += 3) {  // 3 steps of 12 pairs
    std::set<int64_t> rows;
    for (size_t step = first; step < first + 3; ++step) {
      for (const Json& id : steps[step]) REQUIRE(rows.insert(id.at(1).get<int64_t>()).second);
    }
    REQUIRE(rows.size() == 36);
    REQUIRE((*rows.begin() == 0 && *rows.rbegin() == 35));
  }
}

TEST_CASE("ranks: a run folder that rank 0 alone can see is enough to go on", "[e2e]") {
  const TemporaryFolder whole, first, second;
  for (const fs::path& folder : {whole.path(), first.path(), second.path()})
    write_ranks_experiment(folder, {.more = schedule(12)});
  read_rows_from(second.path(), first.path().string());
  run_ranks(2, whole.path());
  const auto run = [&](const std::string& arguments) {
    for (const RankEnd& end : Ranks({{first.path(), arguments}, {second.path(), arguments}}).wait()) {
      CAPTURE(end.err);
      REQUIRE(end.exit_code == 0);
    }
  };
  run("--set run.stop_after_steps=5");
  REQUIRE_FALSE(fs::exists(second / "out"));
  run("");
  REQUIRE_FALSE(fs::exists(second / "out"));
  require_same_run(first.path(), whole.path(), 12);
}

TEST_CASE("ranks: damage to the newest checkpoint is said by rank 0, and all ranks use the one before", "[e2e]") {
  const TemporaryFolder whole;
  const std::string plan = schedule(12);
  write_ranks_experiment(whole.path(), {.more = plan});
  run_ranks(2, whole.path(), "--set checkpoint.every_steps=2");
  for (const bool missing : {false, true}) {
    const TemporaryFolder parts;
    write_ranks_experiment(parts.path(), {.more = plan});
    run_ranks(2, parts.path(), "--set checkpoint.every_steps=2 --set run.stop_after_steps=6");
    const fs::path damaged =
        parts / "out/checkpoints/step_00000006" / (missing ? "optimizer.safetensors" : "model.safetensors");
    if (missing) {
      fs::remove(damaged);
    } else {
      std::string bytes = read_text(damaged);
      bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
      write_text(damaged, bytes);
    }
    const std::vector<RankEnd> ends = run_ranks(2, parts.path(), "--set checkpoint.every_steps=2");
    CAPTURE(missing, ends[0].err);
    REQUIRE_THAT(ends[0].err,
                 ContainsSubstring("warning") && ContainsSubstring("step_00000006/" + damaged.filename().string()));
    for (const RankEnd& end : ends) REQUIRE_THAT(end.err, ContainsSubstring("resuming after step 4"));
    require_same_run(parts.path(), whole.path(), 12);
  }
}

}  // namespace longclip::test
