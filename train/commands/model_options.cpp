// train/commands/model_options.cpp -- see train/commands/model_options.h
#include "train/commands/model_options.h"

#include "base/cores.h"
#include "base/log.h"
#include "model/clip_file.h"
#include "train/trainer.h"

namespace longclip {

void add_model_options(CLI::App& command, ModelOptions& options) {
  command
      .add_option("CKPT", options.checkpoint,
                  "A checkpoint of any format that `longclip inspect` reads, or a run folder (its latest)")
      ->required();
  add_compute_options(command, options);
}

void add_compute_options(CLI::App& command, ModelOptions& options) {
  add_hint_options(command, options.hints);
  add_enum_option(command, "--precision", options.precision, "Arithmetic of the towers");
  add_enum_option(command, "--device", options.device, "auto: cuda where there is a GPU, else cpu");
  command.add_option("--batch", options.batch, "Pictures or texts encoded at once; the results do not depend on it")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  command.add_option("--workers", options.workers, "Threads that decode pictures [one for each processor core]")
      ->check(CLI::Range(1, 1024));
}

void PictureOptions::apply_to(EncodeOptions& options) const {
  options.decode = decode;
  options.keep_going = keep_going;
}

void add_decode_options(CLI::App& command, DecodeOptions& options) {
  command.add_flag("--load-truncated", options.load_truncated,
                   "Take JPEG and PNG pictures that are cut as far as they go, the rest grey or black");
  add_enum_option(command, "--exif-orientation", options.exif_orientation,
                  "apply: turn pictures upright as their EXIF or XMP data say; ignore: as CLIP's preprocessing");
}

void add_picture_options(CLI::App& command, PictureOptions& options) {
  add_decode_options(command, options.decode);
  command.add_flag("--keep-going", options.keep_going, "A missing or broken picture is a warning instead of the end");
}

Clip load_model(const ModelOptions& options, int64_t local_rank) {
  const at::Device device = choose_device(options.device, local_rank);
  ClipWeights weights = read_clip(options.checkpoint, options.hints);
  for (const std::string& note : weights.notes) log_info("{}: {}", options.checkpoint, note);
  Clip model(weights.architecture, std::move(weights.tensors));
  if (device.is_cuda()) model.to(device);
  return model;
}

EncodeOptions encode_options(const ModelOptions& options) {
  EncodeOptions result;
  result.items_per_batch = options.batch;
  result.workers = options.workers.value_or(cores_for_each());
  result.show_progress = true;
  result.forward.compute_dtype = compute_dtype(options.precision);
  return result;
}

}  // namespace longclip
