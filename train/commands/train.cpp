// train/commands/train.cpp -- longclip train CONFIG: one experiment, alone or as one rank of several.
#include <CLI/CLI.hpp>

#include <iostream>

#include "base/error.h"
#include "base/log.h"
#include "train/commands/commands.h"
#include "train/launched_rank.h"
#include "train/trainer.h"

namespace longclip {
namespace {

struct TrainOptions {
  std::string config, resume = "auto";
  std::vector<std::string> overrides;
  bool config_reference = false;
};

int train(const TrainOptions& options) {
  if (options.config_reference) {
    std::cout << config_reference_markdown();
    return kExitDone;
  }
  require<InputError>(!options.config.empty(), "CONFIG is missing: longclip train CONFIG.yaml");
  const RunConfig config = load_run_config(options.config, options.overrides);  // a bad key stops here, alike on every rank
  const RankOptions rank{.log_level = config.log.level, .device = config.run.device, .distributed = config.distributed};
  return run_as_rank(rank, [&](const LaunchInfo&, Communicator& comm, at::Device device) {
    Trainer trainer(config, ResumeChoice::parse(options.resume), comm, device);
    try {
      trainer.run();
    } catch (const DistError&) {
      trainer.rescue();
      throw;
    } catch (const Stopped& stopped) {  // an end as planned: the trainer and the communicator close as after the last step
      log_error("{}", stopped.what());
      return stopped.exit_code;
    }
    return int{kExitDone};
  });
}

}  // namespace

void add_train_command(CLI::App& app, Run& run) {
  auto options = std::make_shared<TrainOptions>();
  CLI::App* command = app.add_subcommand("train", "Train the experiment of a YAML file; goes on where it was stopped");
  command->add_option("CONFIG", options->config, "The experiment: one YAML file (docs/config.md)");
  command->add_option("--set", options->overrides, "Override a key: --set optim.lr=2e-6 (again and again)")->take_all()->expected(1)->allow_extra_args(false);
  command->add_option("--resume", options->resume, "auto: continue run.dir if it holds this experiment; never: a fresh run only; or a run or checkpoint folder")
      ->capture_default_str();
  command->add_flag("--config-reference", options->config_reference, "Print docs/config.md: every key with its default, meaning and source");
  command->footer("Example:\n  longclip train configs/smoke_cpu.yaml --set schedule.steps=20\n"
                  "Several ranks (docs/launching.md):\n  longclip launch --nproc 2 -- CONFIG.yaml\n"
                  "Ctrl-C saves a checkpoint and ends with 130, SIGTERM with 143; the same command continues.");
  command->callback([options, &run] { run = [options] { return train(*options); }; });
}

}  // namespace longclip
