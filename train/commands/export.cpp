// train/commands/export.cpp -- longclip export CKPT OUT --format FORMAT: a checkpoint that other software loads.
#include <CLI/CLI.hpp>

#include "base/error.h"
#include "base/log.h"
#include "train/commands/commands.h"
#include "train/commands/read_hints_options.h"
#include "train/export/export_format.h"

namespace longclip {
namespace {

constexpr const char* kFooter =
    "FORMAT        OUT                for\n"
    "hf            a folder           transformers: CLIPModel, CLIPTextModel, CLIPProcessor, CLIPTokenizer\n"
    "text-encoder  a folder           diffusers: text_encoder/ and tokenizer/ of a pipeline (SD, SDXL, SD3, Flux)\n"
    "comfyui       FILE.safetensors   ComfyUI: models/text_encoders, loaded by CLIPLoader and DualCLIPLoader\n"
    "open_clip     a folder           open_clip_torch: local-dir:OUT\n"
    "              FILE.safetensors, .bin or .pt   the weights alone, for a program that says the architecture\n"
    "upstream      FILE.pt            the original Long-CLIP code: longclip.load (more than 77 positions)\n"
    "openai        FILE.pt            OpenAI's code: clip.load (77 positions)\n"
    "docs/export.md has what to type in each program.\n"
    "Examples:\n"
    "  longclip export runs/mine hf_model --format hf --dtype fp16\n"
    "  longclip export runs/mine for_diffusers --format text-encoder --dtype fp16\n"
    "  longclip export text_encoder_2_248 for_sdxl --format text-encoder --projection\n"
    "  longclip export runs/mine ComfyUI/models/text_encoders/mine.safetensors --format comfyui --dtype fp16\n"
    "  longclip export runs/mine open_clip_model --format open_clip\n"
    "  longclip export runs/mine longclip.pt --format upstream\n"
    "  longclip export short.safetensors clip.pt --format openai --dtype fp16";

struct ExportCommand {
  std::string checkpoint, out, format, dtype = "fp32";
  ReadHints hints;
  ExportOptions options;
};

int export_checkpoint(ExportCommand& command) {
  command.options.dtype = export_dtype(command.dtype);
  check_export(command.format, command.out, command.options);
  const AnyWeights weights = read_checkpoint(command.checkpoint, command.hints);
  const auto& read_notes = std::visit(
      [](const auto& read) -> const auto& { return read.notes; }, weights);
  for (const std::string& note : read_notes) log_info("{}: {}", command.checkpoint, note);
  for (const std::string& note : export_as(command.format, weights, command.out, command.options))
    log_info("{}: {}", command.out, note);
  log_info("{}: written as {}, {}", command.out, command.format, command.dtype);
  return kExitDone;
}

}  // namespace

void add_export_command(CLI::App& app, Run& run) {
  auto options = std::make_shared<ExportCommand>();
  CLI::App* command = app.add_subcommand("export", "Write a checkpoint that other software loads as it is");
  command
      ->add_option("CKPT", options->checkpoint,
                   "A checkpoint of any format, a text encoder, or a run folder (its latest)")
      ->required();
  command->add_option("OUT", options->out, "A folder or a file, see below")->required();
  command->add_option("--format", options->format, "Which software, see below")
      ->check(CLI::IsMember(export_format_names()))
      ->required();
  command->add_option("--dtype", options->dtype, "Type of the weights in the file")
      ->check(CLI::IsMember({"fp32", "fp16", "bf16"}))
      ->capture_default_str();
  command->add_flag("--projection", options->options.projection,
                    "text-encoder: keep text_projection (CLIPTextModelWithProjection, as SDXL's text_encoder_2)");
  command->add_flag("--overwrite", options->options.overwrite, "Replace OUT if it exists");
  add_hint_options(*command, options->hints);
  command->footer(kFooter);
  command->callback([options, &run] { run = [options] { return export_checkpoint(*options); }; });
}

}  // namespace longclip
