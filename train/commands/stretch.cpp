// train/commands/stretch.cpp -- longclip stretch IN OUT: more text positions for any CLIP checkpoint.
#include <CLI/CLI.hpp>

#include "base/error.h"
#include "base/log.h"
#include "model/clip_file.h"
#include "model/stretch.h"
#include "train/commands/commands.h"
#include "train/commands/read_hints_options.h"

namespace longclip {
namespace {

struct StretchOptions {
  std::string in, out;
  ReadHints hints;
  StretchRequest request;
  bool force = false, overwrite = false;
};

/// Changes the table and says so in the architecture. A CLIP and a text encoder have both under the same names.
template <class Weights> void stretch_weights(Weights& weights, const StretchOptions& options) {
  for (const std::string& note : weights.notes) log_info("{}: {}", options.in, note);
  auto& architecture = weights.architecture;
  require<InputError>(!architecture.stretch || options.force,
                      "{}: was stretched before, from {} to {} positions; --force stretches what was stretched",
                      options.in, architecture.stretch ? architecture.stretch->source_length : 0,
                      architecture.context_length);
  at::Tensor& table = weights.tensors.at("positional_embedding");
  const int64_t before = table.size(0);
  table = stretch_positions(table, options.request);
  architecture.context_length = table.size(0);
  architecture.stretch = stretch_record(before, options.request);
  log_info("{}: {} text positions from {}, the first {} kept", options.out, table.size(0), before,
           options.request.keep);
}

int stretch(const StretchOptions& options) {
  check_may_write(options.out, options.overwrite);
  AnyWeights weights = read_checkpoint(options.in, options.hints);
  std::visit([&](auto& read) { stretch_weights(read, options); }, weights);
  if (const auto* clip = std::get_if<ClipWeights>(&weights)) {
    write_clip(options.out, *clip, options.overwrite);
  } else {
    write_text_encoder(options.out, std::get<TextEncoderWeights>(weights), options.overwrite);
    log_info("{}: a text encoder in Hugging Face's names", options.out);
  }
  return kExitDone;
}

}  // namespace

void add_stretch_command(CLI::App& app, Run& run) {
  auto options = std::make_shared<StretchOptions>();
  CLI::App* command =
      app.add_subcommand("stretch", "Stretch the text positions of any CLIP or text encoder, 77 -> 248 by default");
  command
      ->add_option("IN", options->in,
                   "A checkpoint: OpenAI or torch.save .pt, .safetensors, a folder of Hugging Face or OpenCLIP, a run, "
                   "a text encoder")
      ->required();
  command
      ->add_option("OUT", options->out,
                   "FILE.safetensors, or a folder. A text encoder is written in Hugging Face's names, which diffusers "
                   "and ComfyUI load")
      ->required();
  command->add_option("--keep", options->request.keep, "First rows that stay as they are")->capture_default_str();
  auto* ratio = command->add_option("--ratio", options->request.ratio, "Rows made of each other row (4: 77 -> 248)");
  command->add_option("--to", options->request.to, "Length wanted, by plain interpolation behind the kept rows")
      ->excludes(ratio);
  command->add_flag("--half", options->request.half,
                    "Round every operation to half precision, as the published Long-CLIP checkpoints were made");
  command->add_flag("--force", options->force, "Stretch a checkpoint that was stretched before");
  command->add_flag("--overwrite", options->overwrite, "Replace OUT if it exists");
  add_hint_options(*command, options->hints);
  command->footer(
      "Examples:\n  longclip stretch ViT-B-16.pt long.safetensors\n"
      "  longclip stretch sdxl/text_encoder_2 long_text_encoder_2\n"
      "  longclip stretch sd_xl_base.safetensors clip_g.safetensors --entry conditioner.embedders.1");
  command->callback([options, &run] { run = [options] { return stretch(*options); }; });
}

}  // namespace longclip
