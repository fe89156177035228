// train/export/open_clip_export.cpp -- see train/export/open_clip_export.h
#include "train/export/open_clip_export.h"

#include <fmt/format.h>

#include <cmath>

#include "base/clip_normalization.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "tensors/pt_file.h"
#include "tensors/safetensors.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

/// OpenCLIP computes the MLP's width as int(width * ratio).
double mlp_ratio(const TowerSize& tower) {
  const auto width = static_cast<double>(tower.width);
  double ratio = static_cast<double>(tower.mlp_width) / width;
  while (static_cast<int64_t>(width * ratio) < tower.mlp_width) ratio = std::nextafter(ratio, HUGE_VAL);
  return ratio;
}

Json open_clip_config(const Architecture& a) {
  const Json vision{{"image_size", a.image_size},
                    {"patch_size", a.patch_size},
                    {"width", a.vision.width},
                    {"layers", a.vision.layers},
                    {"head_width", a.vision.width / a.vision.heads},
                    {"mlp_ratio", mlp_ratio(a.vision)}};
  const Json text{{"context_length", a.context_length},
                  {"vocab_size", a.vocabulary_size},
                  {"width", a.text.width},
                  {"heads", a.text.heads},
                  {"layers", a.text.layers},
                  {"mlp_ratio", mlp_ratio(a.text)}};
  Json config{
      {"model_cfg",
       {{"embed_dim", a.embed_dim},
        {"quick_gelu", a.activation == Activation::kQuickGelu},
        {"vision_cfg", vision},
        {"text_cfg", text}}},
      {"preprocess_cfg",
       {{"mean", kClipPixelMean}, {"std", kClipPixelStd}, {"interpolation", "bicubic"}, {"resize_mode", "shortest"}}}};
  if (a.stretch) config["longclip"] = {{"stretch", to_json(a)["stretch"]}};
  return config;
}

}  // namespace

std::vector<std::string> export_open_clip(const ClipWeights& weights, const fs::path& out,
                                          const ExportOptions& options) {
  const Architecture& a = weights.architecture;
  require<InputError>(a.eos_id == a.vocabulary_size - 1,
                      "the end of text is id {}; OpenCLIP reads at the highest id, {}. Export as hf, which states it",
                      a.eos_id, a.vocabulary_size - 1);
  check_may_write(out, options.overwrite);
  const TensorMap tensors = converted(weights.tensors, options.dtype);
  const std::string told = fmt::format(
      "the file does not state the architecture: load it with a model config of {} positions and {} (a folder as OUT "
      "has "
      "such a config)",
      a.context_length, a.activation == Activation::kQuickGelu ? "QuickGELU" : "exact GELU");
  const fs::path ending = out.extension();
  if (ending == ".pt" || ending == ".bin") {
    write_pt(out, tensors);
    return {told};
  }
  const std::map<std::string, std::string> metadata{{kMetadataKey, to_json_line(to_json(a))}};
  if (ending == ".safetensors") {
    write_safetensors(out, tensors, metadata);
    return {told};
  }
  write_safetensors(out / "open_clip_model.safetensors", tensors);
  write_file_atomically(out / "open_clip_config.json", open_clip_config(a).dump(2) + "\n");
  return {};
}

}  // namespace longclip
