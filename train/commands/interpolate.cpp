// train/commands/interpolate.cpp -- longclip interpolate A B --weight W --out OUT: a model between two (WiSE-FT).
#include <CLI/CLI.hpp>

#include "base/error.h"
#include "base/log.h"
#include "model/interpolate.h"
#include "train/commands/commands.h"
#include "train/commands/read_hints_options.h"

namespace longclip {
namespace {

struct InterpolateOptions {
  std::string a, b, out;
  ReadHints hints;
  double weight = 0.5;
  bool overwrite = false;
};

AnyWeights read(const std::string& path, const ReadHints& hints) {
  AnyWeights weights = read_checkpoint(path, hints);
  const auto& notes = std::visit(
      [](const auto& read) -> const auto& { return read.notes; }, weights);
  for (const std::string& note : notes) log_info("{}: {}", path, note);
  return weights;
}

int interpolate_files(const InterpolateOptions& options) {
  check_may_write(options.out, options.overwrite);
  AnyWeights a = read(options.a, options.hints);
  const AnyWeights result =
      interpolate(std::move(a), read(options.b, options.hints), options.weight, options.a, options.b);
  if (const auto* clip = std::get_if<ClipWeights>(&result)) {
    write_clip(options.out, *clip, options.overwrite);
  } else {
    write_text_encoder(options.out, std::get<TextEncoderWeights>(result), options.overwrite);
  }
  log_info("{}: {} x {} + {} x {}", options.out, 1 - options.weight, options.a, options.weight, options.b);
  return kExitDone;
}

}  // namespace

void add_interpolate_command(CLI::App& app, Run& run) {
  auto options = std::make_shared<InterpolateOptions>();
  CLI::App* command =
      app.add_subcommand("interpolate", "Weights between two checkpoints (WiSE-FT), against forgetting");
  command->add_option("A", options->a, "The model before fine-tuning, stretched; any format")->required();
  command->add_option("B", options->b, "The model after it, of the same architecture; any format, or a run folder")
      ->required();
  command
      ->add_option("--weight", options->weight,
                   "Of B, from 0 to 1: every tensor, logit_scale too, becomes (1 - weight) x A + weight x B")
      ->required()
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--out", options->out, "FILE.safetensors, or a folder")->required();
  command->add_flag("--overwrite", options->overwrite, "Replace OUT if it exists");
  add_hint_options(*command, options->hints);
  command->footer(
      "Fine-tuning on long captions can cost zero-shot accuracy; a model between both often has most of either.\n"
      "Example, to be followed by `longclip eval` of each:\n"
      "  longclip stretch ViT-B-16.pt before.safetensors\n"
      "  longclip interpolate before.safetensors runs/mine --weight 0.5 --out between.safetensors");
  command->callback([options, &run] { run = [options] { return interpolate_files(*options); }; });
}

}  // namespace longclip
