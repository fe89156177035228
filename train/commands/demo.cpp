// train/commands/demo.cpp -- longclip demo: draws a data set, trains a small CLIP on short captions, stretches it,
// fine-tunes it on long ones, measures before and after, and exports.
#include <CLI/CLI.hpp>

#include <iostream>

#include "base/error.h"
#include "train/commands/commands.h"
#include "train/demo.h"

namespace longclip {
namespace {

int demo(const DemoOptions& options, bool json) {
  const DemoResult result = run_demo(options);
  std::cout << (json ? to_json(result).dump(2) + "\n" : to_table(result)) << std::flush;
  return kExitDone;
}

}  // namespace

void add_demo_command(CLI::App& app, Run& run) {
  auto options = std::make_shared<DemoOptions>();
  auto json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("demo", "See Long-CLIP fine-tuning work, start to end, in a few minutes on two CPU cores");
  command->add_option("--out", options->out, "Folder for everything the demo makes; the same command continues an interrupted demo")->capture_default_str();
  command->add_option("--seed", options->seed, "Seed of scenes, weights and order: same seed, same numbers")->capture_default_str();
  command->add_option("--train-scenes", options->train_scenes, "Scenes to train on")->capture_default_str();
  command->add_option("--short-steps", options->short_steps, "Steps on short captions at 77 positions")->capture_default_str();
  command->add_option("--long-steps", options->long_steps, "Steps of the Long-CLIP fine-tuning")->capture_default_str();
  command->add_flag("--json", *json, "Print the result as JSON");
  command->footer("Makes OUT/train, OUT/val (scenes), OUT/base (run on short captions), OUT/long (run with the Long-CLIP losses),\n"
                  "OUT/stretched.safetensors, OUT/hf (Hugging Face) and OUT/longclip.pt (the original code's format).");
  command->callback([options, json, &run] { run = [options, json] { return demo(*options, *json); }; });
}

}  // namespace longclip
