// tests/e2e/launch_test.cpp -- longclip launch: exit codes, signals, kills, restarts, two machines on one.
#include "launching.h"

#include <spdlog/fmt/fmt.h>

#include "support/catch.h"

namespace longclip::test {
namespace {

std::string launch(const std::string& options, const std::string& train_options = "") {
  return fmt::format("{} launch --nproc 2 {} -- run.yaml {}", program().string(), options, train_options);
}

std::string mpirun() {
  return fmt::format(
      "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun --oversubscribe -np 2 {} train run.yaml",
      program().string());
}

std::string kill_rank(int64_t rank) { return fmt::format("kill -9 {}", pid_of_rank(rank)); }

/// The launchers of two machines with one rank each; `then` sees $pid (node 1), $first (node 0), logs node0.txt, log.txt.
CommandResult run_two_nodes(const std::string& options, int64_t lines, const std::string& then,
                            const TemporaryFolder& folder) {
  const std::string port = std::to_string(free_port());
  const auto node = [&](int rank) {
    return fmt::format(
        "{} launch --nproc 1 --nnodes 2 --node-rank {} --master-addr localhost --master-port {} {} -- run.yaml",
        program().string(), rank, port, options);
  };
  write_text(folder / "node1.sh", fmt::format("exec {}\n", node(1)));
  return run_disturbed(fmt::format("({} 2>node0.txt; echo $? >node0_code.txt) & sh node1.sh", node(0)), lines,
                       fmt::format("{}; wait $pid; code=$?; wait; (exit $code)", then), folder.path());
}

}  // namespace

TEST_CASE("launch: a rank's own exit code is the launcher's, and wrong input is not tried again", "[e2e]") {
  const TemporaryFolder folder;
  write_rank_experiment(folder.path(), 10);
  const CommandResult wrong = run_command(launch("--max-restarts 3", "--set optim.lr=fast"), folder.path());
  CAPTURE(wrong.err);
  REQUIRE(wrong.exit_code == 2);
  REQUIRE_THAT(wrong.err, ContainsSubstring("optim.lr") && !ContainsSubstring("restart 1"));
  REQUIRE(run_longclip("launch --nproc 2").exit_code == 2);
  REQUIRE(run_longclip("launch --nproc none -- run.yaml").exit_code == 2);
  REQUIRE(run_longclip("launch --nnodes 2 --node-rank 2 --master-addr a -- run.yaml").exit_code == 2);
  REQUIRE(run_longclip("launch --nnodes 2 --node-rank 1 -- run.yaml").exit_code == 2);
}

TEST_CASE("launch: a killed rank ends the others, and its signal is the exit code, not their loss of a peer", "[e2e]") {
  const TemporaryFolder folder;
  write_rank_experiment(folder.path(), 100000);
  const CommandResult killed = run_disturbed(launch(""), 5, kill_rank(1), folder.path());
  CAPTURE(killed.err);
  REQUIRE(killed.exit_code == 137);
  REQUIRE_THAT(killed.err,
               ContainsSubstring("killed by signal 9") && ContainsSubstring("ends with exit code 137: rank 1"));
  REQUIRE_FALSE(still_runs_in(folder.path()));
}

TEST_CASE("launch: a rank that does not end on SIGTERM is killed after the grace", "[e2e]") {
  const TemporaryFolder folder;
  write_rank_experiment(folder.path(), 100000);
  const std::string stop_one_kill_other = fmt::format("kill -STOP {}; {}", pid_of_rank(0), kill_rank(1));
  const CommandResult ended = run_disturbed(launch("--grace-seconds 1"), 5, stop_one_kill_other, folder.path());
  CAPTURE(ended.err);
  REQUIRE(ended.exit_code == 137);
  REQUIRE_FALSE(still_runs_in(folder.path()));
}

TEST_CASE("launch: Ctrl-C and SIGTERM are passed on, the ranks save, and nothing is started again", "[e2e]") {
  for (const auto& [signal, code] : {std::pair{"INT", 130}, {"TERM", 143}}) {
    const TemporaryFolder folder;
    write_rank_experiment(folder.path(), 100000);
    const CommandResult stopped =
        run_disturbed(launch("--max-restarts 2"), 5, fmt::format("kill -{} $pid", signal), folder.path());
    CAPTURE(signal, stopped.err);
    REQUIRE(stopped.exit_code == code);
    REQUIRE_THAT(stopped.err, !ContainsSubstring("restart 1"));
    check_saved_at_last_step(folder.path());
    REQUIRE_FALSE(still_runs_in(folder.path()));
  }
}

TEST_CASE("launch: a second Ctrl-C kills the ranks, also one that hangs", "[e2e]") {
  const TemporaryFolder folder;
  write_rank_experiment(folder.path(), 100000);
  const std::string twice = "kill -INT $pid; until grep -q 'is passed on' log.txt; do sleep 0.05; done; kill -INT $pid";
  const CommandResult stopped =
      run_disturbed(launch(""), 5, fmt::format("kill -STOP {}; {}", pid_of_rank(0), twice), folder.path());
  CAPTURE(stopped.err);
  REQUIRE(stopped.exit_code == 130);
  REQUIRE_FALSE(still_runs_in(folder.path()));
}

TEST_CASE("launch: a launcher that waits for the other machines stops on SIGTERM", "[e2e]") {
  const TemporaryFolder folder;
  const std::string port = std::to_string(free_port());
  const std::string alone =
      fmt::format("{} launch --nnodes 2 --node-rank 0 --master-addr localhost --master-port {} -- run.yaml",
                  program().string(), port);
  const std::string once_there = fmt::format(
      "until bash -c 'exec 3<>/dev/tcp/127.0.0.1/{}' 2>/dev/null; do sleep 0.05; done; kill -TERM $pid", port);
  REQUIRE(run_disturbed(alone, 0, once_there, folder.path()).exit_code == 143);
}

TEST_CASE("launch: when the launcher itself is killed, ours or mpirun, the ranks save and end", "[e2e]") {
  std::vector<std::string> launchers{launch("")};
  if (has_program("mpirun")) launchers.push_back(mpirun());
  for (const std::string& launcher : launchers) {
    const TemporaryFolder folder;
    write_rank_experiment(folder.path(), 100000);
    CAPTURE(launcher);
    REQUIRE(run_disturbed(launcher, 5, "kill -9 $pid", folder.path()).exit_code == 137);
    REQUIRE_FALSE(still_runs_in(folder.path()));
    check_saved_at_last_step(folder.path());
  }
}

TEST_CASE("launch: a killed rank is started again, and the run is the one that nobody disturbed", "[e2e]") {
  const TemporaryFolder whole, folder;
  write_rank_experiment(whole.path(), 60);
  write_rank_experiment(folder.path(), 60);
  REQUIRE(run_disturbed(launch(""), 60, "true", whole.path()).exit_code == 0);
  const CommandResult again = run_disturbed(launch("--max-restarts 1"), 15, kill_rank(1), folder.path());
  CAPTURE(again.err);
  REQUIRE(again.exit_code == 0);
  REQUIRE_THAT(again.err, ContainsSubstring("restart 1 of 1"));
  check_same_losses(folder / "out", whole / "out");
  REQUIRE(newest_weights(folder / "out") == newest_weights(whole / "out"));
}

TEST_CASE("launch: two machines restart together, and are the run of one machine", "[e2e]") {
  const TemporaryFolder whole, folder;
  write_rank_experiment(whole.path(), 60);
  write_rank_experiment(folder.path(), 60);
  REQUIRE(run_disturbed(launch(""), 60, "true", whole.path()).exit_code == 0);
  const CommandResult second = run_two_nodes("--max-restarts 1", 15, kill_rank(1), folder);
  CAPTURE(second.err, read_text(folder / "node0.txt"));
  REQUIRE(second.exit_code == 0);
  REQUIRE(read_text(folder / "node0_code.txt") == "0\n");
  REQUIRE_THAT(second.err, ContainsSubstring("restart 1 of 1"));
  REQUIRE_THAT(read_text(folder / "node0.txt"), ContainsSubstring("restart 1 of 1"));
  check_same_losses(folder / "out", whole / "out");
}

TEST_CASE("launch: the loss of node 0's launcher ends the other machines with 3", "[e2e]") {
  const TemporaryFolder folder;
  write_rank_experiment(folder.path(), 100000);
  const std::string kill_launcher_0 = fmt::format("kill -9 $(ps -o ppid= -p {})", pid_of_rank(0, "node0.txt"));
  const CommandResult second = run_two_nodes("--max-restarts 1", 5, kill_launcher_0, folder);
  CAPTURE(second.err, read_text(folder / "node0.txt"));
  REQUIRE(second.exit_code == 3);
  REQUIRE_THAT(second.err, ContainsSubstring("the launcher of node 0 at localhost:"));
  REQUIRE_FALSE(still_runs_in(folder.path()));
}

TEST_CASE("launch: mpirun gives the same losses", "[e2e]") {
  if (!has_program("mpirun")) return say_skipped("the test of mpirun", "Debian's openmpi-bin");
  const TemporaryFolder ours, theirs;
  write_rank_experiment(ours.path(), 10);
  write_rank_experiment(theirs.path(), 10);
  REQUIRE(run_disturbed(launch(""), 10, "true", ours.path()).exit_code == 0);
  const CommandResult mpi = run_disturbed(mpirun(), 10, "true", theirs.path());
  CAPTURE(mpi.err);
  REQUIRE(mpi.exit_code == 0);
  check_same_losses(theirs / "out", ours / "out");
}

TEST_CASE("launch: scripts/launch.sh takes torchrun's options", "[e2e]") {
  const std::string script =
      fmt::format("LONGCLIP_PROGRAM={} {}/scripts/launch.sh", program().string(), source_dir().string());
  const TemporaryFolder folder;
  write_rank_experiment(folder.path(), 10);
  const CommandResult run = run_disturbed(
      script + " --nproc_per_node=2 --max-restarts 1 run.yaml --set schedule.steps=4", 4, "true", folder.path());
  CAPTURE(run.err);
  REQUIRE(run.exit_code == 0);
  REQUIRE_THAT(run.err, ContainsSubstring("rank 1 of 2 is pid"));
  REQUIRE(values_of(folder / "out/metrics.jsonl", "step") == steps_to(4));
  REQUIRE(run_command(script + " --help").exit_code == 0);
  REQUIRE(run_command(script + " --nprocs 2 run.yaml").exit_code == 2);
}

}  // namespace longclip::test
