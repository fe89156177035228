// train/export/hf_export.cpp -- see train/export/hf_export.h
#include "train/export/hf_export.h"

#include "base/clip_normalization.h"
#include "base/file.h"
#include "base/json.h"
#include "model/hf_config.h"
#include "model/weight_names.h"
#include "tensors/safetensors.h"
#include "train/export/tokenizer_files.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

/// Settings of CLIPImageProcessor: resize the short side, crop the middle, scale, normalise.
Json preprocessor_config(int64_t image_size) {
  return {{"image_processor_type", "CLIPImageProcessor"},
          {"do_convert_rgb", true},
          {"do_resize", true},
          {"size", {{"shortest_edge", image_size}}},
          {"resample", 3},  // PIL.Image.BICUBIC
          {"do_center_crop", true},
          {"crop_size", {{"height", image_size}, {"width", image_size}}},
          {"do_rescale", true},
          {"rescale_factor", 1.0 / 255.0},
          {"do_normalize", true},
          {"image_mean", kClipPixelMean},
          {"image_std", kClipPixelStd}};
}

}  // namespace

std::vector<std::string> export_hf(const ClipWeights& weights, const fs::path& out, const ExportOptions& options) {
  check_may_write(out, options.overwrite);
  const Architecture& architecture = weights.architecture;
  const TensorMap tensors = converted(to_huggingface_names(weights.tensors), options.dtype);
  std::vector<std::string> notes;
  write_safetensors(out / kModelFile, tensors);
  write_file_atomically(out / "preprocessor_config.json", preprocessor_config(architecture.image_size).dump(2) + "\n");
  if (architecture.has_clip_vocabulary()) {
    write_tokenizer(out, architecture.context_length);
  } else {
    notes.push_back(no_tokenizer_note(architecture.vocabulary_size));
  }
  const double logit_scale = tensors.at("logit_scale").item<double>();
  const Json config = to_hf_config(architecture, config_dtype(options.dtype), logit_scale);
  write_file_atomically(out / "config.json", config.dump(2) + "\n");
  return notes;
}

}  // namespace longclip
