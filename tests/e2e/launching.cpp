// tests/e2e/launching.cpp -- see launching.h
#include "launching.h"

#include <spdlog/fmt/fmt.h>

#include <chrono>
#include <thread>

#include "support/catch.h"

namespace longclip::test {
namespace fs = std::filesystem;

namespace {

bool runs_in(const fs::path& folder) {
  std::error_code ignored;
  for (const auto& process : fs::directory_iterator("/proc", ignored)) {
    const fs::path where = fs::read_symlink(process.path() / "cwd", ignored);
    const fs::path what = fs::read_symlink(process.path() / "exe", ignored);
    if (where == folder && what.filename() == program().filename()) return true;
  }
  return false;
}

}  // namespace

void write_rank_experiment(const fs::path& folder, int64_t steps) {
  write_fast_experiment(folder, fmt::format("schedule: {{steps: {}, warmup_steps: 2}}\nprecision: {{compute: fp32}}\n"
                                            "checkpoint: {{every_steps: 10}}\ndistributed: {{timeout_seconds: 60}}\n",
                                            steps));
}

CommandResult run_disturbed(const std::string& command, int64_t lines, const std::string& then,
                            const fs::path& folder) {
  CommandResult result = run_command(fmt::format("export OMP_NUM_THREADS=1; {} 2>log.txt & pid=$!; tries=0; "
                                                 "until [ \"$(cat out/metrics.jsonl 2>/dev/null | wc -l)\" -ge {} ] || "
                                                 "[ $tries -ge 2400 ] || ! kill -0 $pid 2>/dev/null; "
                                                 "do sleep 0.05; tries=$((tries + 1)); done; {}; wait $pid",
                                                 command, lines, then),
                                     folder);
  result.err = read_text(folder / "log.txt");
  return result;
}

std::string pid_of_rank(int64_t rank, const std::string& log) {
  return fmt::format("$(sed -n 's/.*rank {} of [0-9]* is pid //p' {} | tail -n 1)", rank, log);
}

bool still_runs_in(const fs::path& folder) {
  const fs::path place = fs::canonical(folder);
  for (int tries = 0; tries < 600 && runs_in(place); ++tries)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  return runs_in(place);
}

void check_same_losses(const fs::path& folder, const fs::path& wanted) {
  for (const std::string key : {"step", "loss", "loss_long", "loss_short", "lr", "grad_norm"}) {
    CAPTURE(key, folder, wanted);
    REQUIRE(values_of(folder / "metrics.jsonl", key) == values_of(wanted / "metrics.jsonl", key));
  }
}

void check_saved_at_last_step(const fs::path& folder) {
  const auto steps = static_cast<int64_t>(json_lines(folder / "out/metrics.jsonl").size());
  REQUIRE(values_of(folder / "out/metrics.jsonl", "step") == steps_to(steps));
  REQUIRE(read_text(folder / "out/checkpoints/latest") == fmt::format("step_{:08}\n", steps));
}

bool has_program(const std::string& name) {
  return run_command(fmt::format("PATH=$PATH:/usr/sbin command -v {}", name)).exit_code == 0;
}

}  // namespace longclip::test
