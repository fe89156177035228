// train/export/text_encoder_export.cpp -- see train/export/text_encoder_export.h
#include "train/export/text_encoder_export.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "model/hf_config.h"
#include "model/weight_names.h"
#include "tensors/safetensors.h"
#include "train/export/tokenizer_files.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

constexpr int64_t kShortLength = 77;
constexpr int64_t kLongLength = 248;
constexpr int64_t kHeadWidth = 64;

/// What ComfyUI builds for a text encoder with at least `least_layers`, and how a person calls it.
struct ComfyEncoder {
  const char* name;
  int64_t least_layers;
  TowerSize tower;
  Activation activation;
};

/// comfy/sd.py detect_te_model: by the names of layers 30, 22 and 0; sizes of clip_config_bigg.json,
/// text_encoders/sd2_clip_config.json, sd1_clip_config.json.
const ComfyEncoder& comfy_encoder(int64_t layers) {
  static constexpr std::array<ComfyEncoder, 3> kEncoders{{{"CLIP-G", 31, {1280, 32, 20, 5120}, Activation::kGelu},
                                                          {"CLIP-H", 23, {1024, 24, 16, 4096}, Activation::kGelu},
                                                          {"CLIP-L", 1, {768, 12, 12, 3072}, Activation::kQuickGelu}}};
  const auto* found = kEncoders.begin();
  while (found->least_layers > std::max<int64_t>(layers, 1)) ++found;
  return *found;
}

const char* name_of(Activation activation) { return activation == Activation::kQuickGelu ? "QuickGELU" : "exact GELU"; }

void check_comfyui_can(const TextArchitecture& a, const ComfyEncoder& encoder) {
  constexpr const char* kInstead = "Export as text-encoder, which states it, for diffusers";
  require<InputError>(a.activation == encoder.activation,
                      "the model computes with {}; ComfyUI takes {} layers for {}, which it computes with {}. {}",
                      name_of(a.activation), a.tower.layers, encoder.name, name_of(encoder.activation), kInstead);
  require<InputError>(a.tower.heads * kHeadWidth == a.tower.width,
                      "the model has {} heads for a width of {}; ComfyUI computes width/64 heads. {}", a.tower.heads,
                      a.tower.width, kInstead);
  require<InputError>(!a.embed_dim || *a.embed_dim == a.tower.width,
                      "text_projection goes from {} to {}; ComfyUI's are square. {}", a.tower.width,
                      a.embed_dim.value_or(0), kInstead);
  require<InputError>(a.eos_id == a.vocabulary_size - 1,
                      "the end of text is id {}; ComfyUI reads at the highest id, {}. {}", a.eos_id,
                      a.vocabulary_size - 1, kInstead);
}

std::vector<std::string> comfyui_notes(const TextArchitecture& a, const ComfyEncoder& encoder) {
  std::vector<std::string> notes;
  if (a.tower != encoder.tower || !a.has_clip_vocabulary()) {
    const TowerSize& known = encoder.tower;
    notes.push_back(
        fmt::format("ComfyUI knows CLIP-L (width 768, 12 layers), CLIP-H (1024, 24) and CLIP-G (1280, 32); it takes {} "
                    "layers for {} "
                    "({}, {}) and will not load this width of {}, {} layers, MLP of {}, vocabulary of {}",
                    a.tower.layers, encoder.name, known.width, known.layers, a.tower.width, a.tower.layers,
                    a.tower.mlp_width, a.vocabulary_size));
  }
  const bool is_l = &encoder == &comfy_encoder(1);
  if (a.context_length != kShortLength && !(is_l && a.context_length == kLongLength)) {
    notes.push_back(fmt::format(
        "not every ComfyUI loads {} positions of {}: older ones know 77, and 248 of CLIP-L; newer ones take "
        "the length of CLIP-L and CLIP-G from the file",
        a.context_length, encoder.name));
  }
  return notes;
}

TextEncoderWeights without_projection(TextEncoderWeights weights) {
  weights.architecture.embed_dim.reset();
  weights.tensors.erase("text_projection");
  return weights;
}

}  // namespace

std::vector<std::string> export_text_encoder(const TextEncoderWeights& weights, const fs::path& out,
                                             const ExportOptions& options) {
  const bool has_projection = weights.architecture.embed_dim.has_value();
  require<InputError>(has_projection || !options.projection,
                      "the text encoder has no projection; leave --projection out to write a CLIPTextModel");
  check_may_write(out, options.overwrite);
  const TextEncoderWeights kept = options.projection ? weights : without_projection(weights);
  const TextArchitecture& architecture = kept.architecture;
  std::vector<std::string> notes;
  if (has_projection && !options.projection) {
    notes.emplace_back("text_projection left out, as CLIPTextModel has none; --projection keeps it");
  }
  write_safetensors(out / "text_encoder" / kModelFile, converted(to_huggingface_names(kept.tensors), options.dtype));
  if (architecture.has_clip_vocabulary()) {
    write_tokenizer(out / "tokenizer", architecture.context_length);
  } else {
    notes.push_back(no_tokenizer_note(architecture.vocabulary_size));
  }
  const Json config = to_hf_text_config(architecture, config_dtype(options.dtype));
  write_file_atomically(out / "text_encoder" / "config.json", config.dump(2) + "\n");
  return notes;
}

std::vector<std::string> export_comfyui(const TextEncoderWeights& weights, const fs::path& out,
                                        const ExportOptions& options) {
  const ComfyEncoder& encoder = comfy_encoder(weights.architecture.tower.layers);
  check_comfyui_can(weights.architecture, encoder);
  const TensorMap tensors = converted(weights.tensors, options.dtype);
  write_text_encoder(out, {.architecture = weights.architecture, .tensors = tensors}, options.overwrite);
  return comfyui_notes(weights.architecture, encoder);
}

}  // namespace longclip
