// tests/e2e/train_resume_test.cpp -- runs that are stopped, killed and continued by the same command.
#include "training.h"

#include "support/catch.h"

namespace longclip::test {
namespace fs = std::filesystem;

namespace {

constexpr const char* kForty =
    "schedule: {steps: 40, warmup_steps: 2}\nprecision: {compute: fp32}\ncheckpoint: {every_steps: 2}\n";
constexpr const char* kEachStep =
    "schedule: {steps: 40, warmup_steps: 2}\nprecision: {compute: fp32}\ncheckpoint: {every_steps: 1, keep_last: 2}\n";
constexpr const char* kSix =
    "schedule: {steps: 6, warmup_steps: 2}\nprecision: {compute: bf16}\ncheckpoint: {every_steps: 2}\n";

/// One thread: operations this small only wait for each other with more, and other numbers of threads give other bits.
CommandResult train_alone(const std::string& arguments, const fs::path& folder) {
  return run_command("OMP_NUM_THREADS=1 " + program().string() + " train run.yaml " + arguments, folder);
}

/// Kills the run when a checkpoint in work has a file of that name (a pattern) and a complete one lies beside it.
CommandResult train_until_killed_at(const fs::path& folder, const std::string& file) {
  const std::string there = "[ -e out/checkpoints/latest ] && ls out/checkpoints/*.unfinished/" + file + " >/dev/null 2>&1";
  return run_command("OMP_NUM_THREADS=1 " + program().string() + " train run.yaml & pid=$!; until { " + there +
                         "; } || ! kill -0 $pid 2>/dev/null; do sleep 0.002; done; kill -KILL $pid; wait $pid",
                     folder);
}

void train_well(const std::string& arguments, const fs::path& folder) {
  const CommandResult result = train_alone(arguments, folder);
  CAPTURE(arguments, result.err);
  REQUIRE(result.exit_code == 0);
}

/// The run in `folder` has every step once, with the losses and the last weights of `wanted`.
void check_equals(const fs::path& folder, const fs::path& wanted, int64_t steps) {
  REQUIRE(values_of(folder / "out/metrics.jsonl", "step") == steps_to(steps));
  for (const std::string key : {"loss", "loss_long", "loss_short", "lr", "grad_norm"}) {
    REQUIRE(values_of(folder / "out/metrics.jsonl", key) == values_of(wanted / "out/metrics.jsonl", key));
  }
  REQUIRE(newest_weights(folder / "out") == newest_weights(wanted / "out"));
}

void check_refused(const fs::path& folder, const std::string& arguments, const std::string& says) {
  const auto before = hashes_below(folder);
  const CommandResult result = run_longclip("train run.yaml " + arguments, folder);
  CAPTURE(arguments, result.err);
  REQUIRE(result.exit_code == 2);
  REQUIRE_THAT(result.err, ContainsSubstring(says));
  REQUIRE(hashes_below(folder) == before);
}

}  // namespace

TEST_CASE("train: after a signal or a kill the same command ends with the bits of a run that was left alone", "[e2e]") {
  const TemporaryFolder whole;
  write_fast_experiment(whole.path(), kForty);
  train_well("", whole.path());
  for (const auto& [signal, code] : {std::pair{"TERM", 143}, {"INT", 130}, {"USR1", 143}, {"KILL", 137}}) {
    const TemporaryFolder folder;
    write_fast_experiment(folder.path(), kForty);
    const CommandResult stopped = train_until_signal(folder.path(), signal, 5);
    CAPTURE(signal, stopped.err);
    REQUIRE(stopped.exit_code == code);
    const int64_t steps = static_cast<int64_t>(json_lines(folder / "out/metrics.jsonl").size());
    REQUIRE(steps < 40);
    if (code != 137) {  // it saved where it stopped
      REQUIRE_THAT(read_text(folder / "out/checkpoints/latest"), ContainsSubstring(std::to_string(steps)));
      REQUIRE_THAT(stopped.err, ContainsSubstring("after step " + std::to_string(steps)));
    }
    train_well("", folder.path());
    check_equals(folder.path(), whole.path(), 40);
  }
}

TEST_CASE("train: killed again and again while checkpoints are written, a run loses none that was complete", "[e2e]") {
  const TemporaryFolder whole, folder;
  write_fast_experiment(whole.path(), kEachStep);
  write_fast_experiment(folder.path(), kEachStep);
  train_well("", whole.path());
  // The writing takes longer than a step, so that one is nearly always in work; each round kills it at another file.
  int64_t kills = 0;
  for (const std::string part : {"model.safetensors.tmp*", "model.safetensors", "optimizer.safetensors.tmp*", "optimizer.safetensors", "config.yaml"}) {
    const CommandResult killed = train_until_killed_at(folder.path(), part);
    CAPTURE(part, killed.err);
    REQUIRE((killed.exit_code == 137 || killed.exit_code == 0));  // 0: it ended before that file was seen
    REQUIRE_THAT(killed.err, !ContainsSubstring("refused"));
    kills += killed.exit_code == 137;
  }
  REQUIRE(kills > 0);
  const CommandResult last = train_alone("", folder.path());
  CAPTURE(last.err);
  REQUIRE(last.exit_code == 0);
  REQUIRE_THAT(last.err, ContainsSubstring("resuming after step") && !ContainsSubstring("refused"));
  check_equals(folder.path(), whole.path(), 40);
}

TEST_CASE("train: stop_after_steps and the same command again give the bits of one run in bf16", "[e2e]") {
  const TemporaryFolder whole, parts;
  write_fast_experiment(whole.path(), kSix);
  write_fast_experiment(parts.path(), kSix);
  train_well("--set data.workers=3", whole.path());
  train_well("--set run.stop_after_steps=3", parts.path());
  REQUIRE(read_text(parts / "out/checkpoints/latest") == "step_00000003\n");
  train_well("", parts.path());
  check_equals(parts.path(), whole.path(), 6);
}

TEST_CASE("train: damage to the newest checkpoint is said, and the one before is used", "[e2e]") {
  const TemporaryFolder whole, parts;
  write_fast_experiment(whole.path(), kSix);
  write_fast_experiment(parts.path(), kSix);
  train_well("", whole.path());
  train_well("--set run.stop_after_steps=4", parts.path());
  const fs::path damaged = parts / "out/checkpoints/step_00000004/optimizer.safetensors";
  std::string bytes = read_text(damaged);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  write_text(damaged, bytes);
  write_text(parts / "out/checkpoints/step_00000006.unfinished/model.safetensors", "half");
  const CommandResult result = train_alone("", parts.path());
  CAPTURE(result.err);
  REQUIRE(result.exit_code == 0);
  REQUIRE_THAT(result.err, ContainsSubstring("warning") && ContainsSubstring("step_00000004/optimizer.safetensors"));
  REQUIRE_THAT(result.err, ContainsSubstring("resuming after step 2"));
  check_equals(parts.path(), whole.path(), 6);
}

TEST_CASE("train: a used folder is not started over, and not continued by another experiment", "[e2e]") {
  const TemporaryFolder folder;
  write_fast_experiment(folder.path(), kSix);
  train_well("--set run.stop_after_steps=2", folder.path());
  check_refused(folder.path(), "--resume never", "--resume never");
  check_refused(folder.path(), "--resume nowhere", "nowhere");
  check_refused(folder.path(), "--set optim.lr=2e-3", "optim.lr: 0.001 before, 0.002 now");
  check_refused(folder.path(), "--set run.seed=7 --set data.pairs_per_step=2", "data.pairs_per_step: 4 before, 2 now");
  train_well("--set schedule.steps=3 --set data.workers=2", folder.path());
  REQUIRE(values_of(folder / "out/metrics.jsonl", "step") == steps_to(3));
  train_well("--set run.dir=other --resume out/checkpoints/step_00000002", folder.path());
  REQUIRE(values_of(folder / "other/metrics.jsonl", "step") == std::vector<Json>{3, 4, 5, 6});
}

TEST_CASE("train: a run that went back to an older checkpoint continues from where that led", "[e2e]") {
  const TemporaryFolder folder;
  write_fast_experiment(folder.path(), kSix);
  train_well("--set run.stop_after_steps=4", folder.path());
  train_well("--resume out/checkpoints/step_00000002 --set run.stop_after_steps=3", folder.path());
  train_well("", folder.path());
  REQUIRE(values_of(folder / "out/metrics.jsonl", "step") == steps_to(6));
}

}  // namespace longclip::test
