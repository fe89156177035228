// train/commands/launch.cpp -- longclip launch -- CONFIG: `longclip train` (or `longclip eval`) as several ranks, on one machine or
// on many.
#include <CLI/CLI.hpp>

#include <charconv>

#include "base/error.h"
#include "base/log.h"
#include "train/commands/commands.h"
#include "train/launcher.h"

namespace longclip {
namespace {

struct LaunchOptions {
  LaunchPlan plan;
  std::string num_ranks = "auto";
};

int64_t num_ranks(const std::string& given) {
  if (given == "auto") return automatic_num_ranks();
  int64_t number = 0;
  const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), number);
  require<InputError>(error == std::errc() && end == given.data() + given.size() && number >= 1,
                      "--nproc {}: must be auto or a number of processes from 1", given);
  return number;
}

int launch_ranks(LaunchPlan plan, const std::string& ranks) {
  LaunchNode& node = plan.node;
  node.num_ranks = num_ranks(ranks);
  require<InputError>(!plan.arguments.empty(),
                      "CONFIG is missing: longclip launch [--nproc N] -- CONFIG.yaml [options of longclip train]");
  require<InputError>(node.node_rank < node.num_nodes, "--node-rank {} must be less than --nnodes {}", node.node_rank,
                      node.num_nodes);
  if (node.num_nodes == 1) {
    node.master_address = "127.0.0.1";
  } else {
    require<InputError>(!node.master_address.empty(), "--nnodes {} needs --master-addr: the name or address of node 0",
                        node.num_nodes);
    if (node.master_port == 0) node.master_port = 29500;
  }
  if (plan.arguments[0] != "eval") plan.arguments.insert(plan.arguments.begin(), "train");
  start_log(node.num_nodes == 1 ? "[launch] " : fmt::format("[launch {}] ", node.node_rank), LogLevel::kInfo);
  return launch(plan);
}

}  // namespace

void add_launch_command(CLI::App& app, Run& run) {
  auto options = std::make_shared<LaunchOptions>();
  LaunchNode& node = options->plan.node;
  node.master_address.clear();
  CLI::App* command =
      app.add_subcommand("launch", "Train with several processes, here and on other machines; restarts them where they are lost");
  command->add_option("--nproc", options->num_ranks, "Processes on this machine; auto: one for each GPU, or one")->capture_default_str();
  command->add_option("--max-restarts", node.max_restarts, "After a failure start all again from the last checkpoint, this often")
      ->check(CLI::NonNegativeNumber)->capture_default_str();
  command->add_option("--nnodes", node.num_nodes, "Machines; run the same command on each, with its own --node-rank")
      ->check(CLI::PositiveNumber)->capture_default_str();
  command->add_option("--node-rank", node.node_rank, "Which of them this is, from 0")
      ->check(CLI::NonNegativeNumber)->capture_default_str();
  command->add_option("--master-addr", node.master_address, "Node 0 as the others reach it; its launcher holds the meeting place");
  command->add_option("--master-port", node.master_port, "Its port; 29500 with several machines, else any free one")
      ->check(CLI::Range(1, 65535));
  command->add_option("--grace-seconds", options->plan.grace_seconds, "After a failure: from SIGTERM to SIGKILL")
      ->check(CLI::NonNegativeNumber)->capture_default_str();
  command->add_option("CONFIG", options->plan.arguments,
                      "After --: the experiment, and options of longclip train; or eval and what belongs to it");
  command->footer("Example:\n  longclip launch --nproc 2 -- configs/smoke_cpu.yaml --set schedule.steps=20\n"
                  "  longclip launch --nproc 2 -- eval retrieval CKPT --protocol urban1k --data datasets/Urban1k\n"
                  "Ends with the exit code of the process that failed first. Ctrl-C and SIGTERM are passed on, and a\n"
                  "checkpoint is saved (130, 143); a second one kills. docs/launching.md has torchrun, Slurm, mpirun and several machines.");
  command->callback([options, &run] { run = [options] { return launch_ranks(options->plan, options->num_ranks); }; });
}

}  // namespace longclip
