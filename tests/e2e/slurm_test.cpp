// tests/e2e/slurm_test.cpp -- a real Slurm of two nodes, started on this machine: srun, the sbatch script, time limit, requeue.
#include "launching.h"

#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include "support/catch.h"

namespace longclip::test {
namespace fs = std::filesystem;

namespace {

/// A cluster that ends with the scope.
class Slurm {
 public:
  Slurm() : up_(script("slurm_up.sh")) {}
  ~Slurm() { script("slurm_down.sh"); }
  Slurm(const Slurm&) = delete;
  Slurm& operator=(const Slurm&) = delete;

  const CommandResult& up() const { return up_; }
  std::string variables() const {
    return fmt::format("export SLURM_CONF={} LONGCLIP_PROGRAM={}; ", (folder_ / "slurm.conf").string(),
                       program().string());
  }
  CommandResult run(const std::string& command, const fs::path& folder) const {
    return run_command(variables() + command, folder);
  }

 private:
  CommandResult script(const std::string& name) const {
    return run_command(
        fmt::format("SLURM_DIR={} {}/tests/e2e/{}", folder_.path().string(), source_dir().string(), name));
  }

  TemporaryFolder folder_;
  CommandResult up_;
};

/// Says why, where there is no Slurm to test with.
bool slurm_is_here() {
  for (const char* name : {"slurmctld", "slurmd", "srun", "munged"}) {
    if (has_program(name)) continue;
    say_skipped("the test of Slurm", "Debian's slurmctld, slurmd, slurm-client and munge");
    return false;
  }
  if (geteuid() == 0) return true;
  say_skipped("the test of Slurm", "root");
  return false;
}

/// Waits up to two minutes for the job to leave the queue.
std::string until_done(const std::string& job) {
  return fmt::format(
      "tries=0; while squeue -h -j {} 2>/dev/null | grep -q . && [ $tries -lt 600 ]; do sleep 0.2; tries=$((tries + "
      "1)); done",
      job);
}

}  // namespace

TEST_CASE("Slurm: srun on one node and on two, and the sbatch script through its time limit, give the losses of launch",
          "[e2e]") {
  if (!slurm_is_here()) return;
  const TemporaryFolder ours, one_node, two_nodes, batch;
  for (const TemporaryFolder* folder : {&ours, &one_node, &two_nodes}) write_rank_experiment(folder->path(), 10);
  REQUIRE(run_disturbed(program().string() + " launch --nproc 2 -- run.yaml", 10, "true", ours.path()).exit_code == 0);

  const Slurm slurm;
  if (slurm.up().exit_code != 0) return say_skipped("the test of Slurm", "a machine on which Slurm starts, which said: " + slurm.up().err);
  for (const auto& [nodes, folder] : {std::pair{"1", &one_node}, {"2", &two_nodes}}) {
    const CommandResult run = slurm.run(
        fmt::format("OMP_NUM_THREADS=1 srun -N {} -n 2 {} train run.yaml", nodes, program().string()), folder->path());
    CAPTURE(nodes, run.err);
    REQUIRE(run.exit_code == 0);
    check_same_losses(*folder / "out", ours / "out");
  }

  // One minute is the shortest limit; SIGTERM 50 s before it comes within half a minute. The run is made to outlast it.
  write_rank_experiment(batch.path(), 100000);
  const CommandResult job =
      slurm.run(fmt::format("OMP_NUM_THREADS=1 sbatch --parsable --nodes=2 --ntasks-per-node=1 --gpus-per-node=0 "
                            "--cpus-per-task=1 --time=1 "
                            "--signal=TERM@50 --output=job.txt {}/scripts/slurm/longclip.sbatch run.yaml",
                            source_dir().string()),
                batch.path());
  CAPTURE(job.err);
  REQUIRE(job.exit_code == 0);
  const std::string id = job.out.substr(0, job.out.find('\n'));
  const std::string saved = "grep -q 'is queued again' job.txt";
  const CommandResult limit = slurm.run(
      fmt::format("tries=0; until {0} || [ $tries -ge 450 ]; do sleep 0.2; tries=$((tries + 1)); done; {0}", saved),
      batch.path());
  CAPTURE(read_text(batch / "job.txt"));
  REQUIRE(limit.exit_code == 0);
  check_saved_at_last_step(batch.path());
  const auto steps = static_cast<int64_t>(json_lines(batch / "out/metrics.jsonl").size());
  REQUIRE(steps > 0);

  // The script reads its config anew in the second turn: there it is the end of the run that is nearer.
  write_rank_experiment(batch.path(), steps + 10);
  slurm.run(until_done(id), batch.path());
  CAPTURE(read_text(batch / "job.txt"));
  REQUIRE(values_of(batch / "out/metrics.jsonl", "step") == steps_to(steps + 10));
  REQUIRE_THAT(slurm.run(fmt::format("scontrol show job {}", id), batch.path()).out,
               ContainsSubstring("JobState=COMPLETED") && ContainsSubstring("Restarts=1"));
  REQUIRE_FALSE(still_runs_in(batch.path()));
}

}  // namespace longclip::test
