// train/commands/export.cpp -- longclip export CKPT OUT --format hf|upstream: a checkpoint that other software loads.
#include <CLI/CLI.hpp>

#include "base/error.h"
#include "base/log.h"
#include "train/commands/commands.h"
#include "train/export/hf_export.h"
#include "train/export/upstream_export.h"

namespace longclip {
namespace {

struct ExportCommand {
  std::string checkpoint, out, format, dtype = "fp32";
  bool overwrite = false;
};

int export_checkpoint(const ExportCommand& command) {
  check_may_write(command.out, command.overwrite);
  const ExportOptions options{.dtype = export_dtype(command.dtype), .overwrite = command.overwrite};
  const ClipWeights weights = read_clip(command.checkpoint);
  for (const std::string& note : weights.notes) log_info("{}: {}", command.checkpoint, note);
  if (command.format == "hf") {
    for (const std::string& note : export_hf(weights, command.out, options)) log_info("{}: {}", command.out, note);
  } else {
    export_upstream(weights, command.out, options);
  }
  log_info("{}: written as {}, {}", command.out, command.format, command.dtype);
  return kExitDone;
}

}  // namespace

void add_export_command(CLI::App& app, Run& run) {
  auto options = std::make_shared<ExportCommand>();
  CLI::App* command = app.add_subcommand("export", "Write a checkpoint that other software loads as it is");
  command->add_option("CKPT", options->checkpoint, "A checkpoint of any format, or a run folder (its latest)")
      ->required();
  command->add_option("OUT", options->out, "hf: a folder; upstream: FILE.pt")->required();
  command
      ->add_option("--format", options->format,
                   "hf: Hugging Face CLIPModel with its tokenizer; upstream: the original Long-CLIP code's .pt")
      ->check(CLI::IsMember({"hf", "upstream"}))
      ->required();
  command->add_option("--dtype", options->dtype, "Type of the weights in the file")
      ->check(CLI::IsMember({"fp32", "fp16", "bf16"}))
      ->capture_default_str();
  command->add_flag("--overwrite", options->overwrite, "Replace OUT if it exists");
  command->footer("Example:\n  longclip export runs/coco-long hf_model --format hf --dtype fp16");
  command->callback([options, &run] { run = [options] { return export_checkpoint(*options); }; });
}

}  // namespace longclip
