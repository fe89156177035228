// train/export/hf_export.cpp -- see train/export/hf_export.h
#include "train/export/hf_export.h"

#include <unistd.h>

#include "base/clip_normalization.h"
#include "base/file.h"
#include "base/json.h"
#include "model/hf_config.h"
#include "model/weight_names.h"
#include "tensors/safetensors.h"
#include "text/tokenizer.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

constexpr const char* kStartOfText = "<|startoftext|>";
constexpr const char* kEndOfText = "<|endoftext|>";

std::string dtype_name(at::ScalarType dtype) {
  return dtype == at::kHalf ? "float16" : dtype == at::kBFloat16 ? "bfloat16" : "float32";
}

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

/// Padding is the end token: "!" (id 0, what CLIP's own code pads with) is a word, and would be cut out of captions.
Json special_tokens() {
  return {{"bos_token", kStartOfText}, {"eos_token", kEndOfText}, {"pad_token", kEndOfText}, {"unk_token", kEndOfText}};
}

void write_tokenizer(const fs::path& out, int64_t context_length) {
  const Tokenizer& tokenizer = Tokenizer::clip();
  std::string merges = "#version: 0.2\n";
  for (const std::string& merge : tokenizer.merges()) merges += merge + "\n";
  std::string vocabulary;  // written by hand: looking each of 49,408 keys up in an ordered Json would be quadratic
  for (const std::string& spelling : tokenizer.vocabulary()) {
    const size_t id = static_cast<size_t>(&spelling - tokenizer.vocabulary().data());
    vocabulary += (id == 0 ? "{" : ", ") + to_json_line(spelling) + ": " + std::to_string(id);
  }
  Json config = special_tokens();
  config["tokenizer_class"] = "CLIPTokenizer";
  config["model_max_length"] = context_length;
  config["do_lower_case"] = true;
  config["add_prefix_space"] = false;
  config["errors"] = "replace";
  write_file_atomically(out / "vocab.json", vocabulary + "}\n");
  write_file_atomically(out / "merges.txt", merges);
  write_file_atomically(out / "special_tokens_map.json", special_tokens().dump(2) + "\n");
  write_file_atomically(out / "tokenizer_config.json", config.dump(2) + "\n");
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
    notes.push_back("no tokenizer files: a vocabulary of " + std::to_string(architecture.vocabulary_size) +
                    " is not CLIP's");
  }
  const double logit_scale = tensors.at("logit_scale").item<double>();
  const Json config = to_hf_config(architecture, dtype_name(options.dtype), logit_scale);
  write_file_atomically(out / "config.json", config.dump(2) + "\n");
  return notes;
}

}  // namespace longclip
