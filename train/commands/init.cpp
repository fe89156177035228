// train/commands/init.cpp -- longclip init OUT --arch ARCH: an untrained CLIP with 77 text positions.
#include <CLI/CLI.hpp>

#include "base/error.h"
#include "base/log.h"
#include "train/architecture_file.h"
#include "model/clip.h"
#include "model/clip_file.h"
#include "train/commands/commands.h"

namespace longclip {
namespace {

struct InitOptions {
  std::string out, arch = "tiny";
  uint64_t seed = 0;
  bool overwrite = false;
};

int init(const InitOptions& options) {
  check_may_write(options.out, options.overwrite);
  const bool is_file = options.arch.ends_with(".yaml") || options.arch.ends_with(".yml");
  const Architecture architecture = is_file ? load_architecture(options.arch) : preset_architecture(options.arch);
  write_clip(options.out, {.architecture = architecture, .tensors = random_clip_weights(architecture, options.seed)}, options.overwrite);
  log_info("{}: an untrained {} with {} text positions, seed {}", options.out, options.arch, architecture.context_length, options.seed);
  return kExitDone;
}

}  // namespace

void add_init_command(CLI::App& app, Run& run) {
  auto options = std::make_shared<InitOptions>();
  CLI::App* command = app.add_subcommand("init", "Make a randomly initialised CLIP with 77 text positions");
  command->add_option("OUT", options->out, "FILE.safetensors, or a folder")->required();
  command->add_option("--arch", options->arch, "tiny, ViT-B-32, ViT-B-16, ViT-L-14, ViT-L-14-336, or a YAML file with the keys of model.json")
      ->required();
  command->add_option("--seed", options->seed, "Same seed, same weights")->capture_default_str();
  command->add_flag("--overwrite", options->overwrite, "Replace OUT if it exists");
  command->footer("Example:\n  longclip init base.safetensors --arch tiny --seed 1");
  command->callback([options, &run] { run = [options] { return init(*options); }; });
}

}  // namespace longclip
