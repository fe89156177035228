// train/export/export_format.cpp -- see train/export/export_format.h
#include "train/export/export_format.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "train/export/hf_export.h"
#include "train/export/open_clip_export.h"
#include "train/export/openai_export.h"
#include "train/export/text_encoder_export.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

enum class Output { kFolder, kSafetensors, kTorchSave, kFolderOrFile };

struct Format {
  std::string_view name;
  Output output;
  bool text_only;
};
constexpr std::array<Format, 6> kFormats{{{"hf", Output::kFolder, false},
                                          {"text-encoder", Output::kFolder, true},
                                          {"comfyui", Output::kSafetensors, true},
                                          {"open_clip", Output::kFolderOrFile, false},
                                          {"upstream", Output::kTorchSave, false},
                                          {"openai", Output::kTorchSave, false}}};

const Format& format_called(const std::string& name) {
  const auto* found = std::find_if(kFormats.begin(), kFormats.end(), [&](const Format& f) { return f.name == name; });
  require<InputError>(found != kFormats.end(), "unknown export format '{}'", name);
  return *found;
}

void check_ending(const Format& format, const fs::path& out) {
  const std::string ending = out.extension().string();
  const bool safetensors = ending == ".safetensors";
  const bool torch_save = ending == ".pt" || ending == ".pth" || ending == ".bin";
  const auto check = [&](bool good, const char* what) {
    require<InputError>(good, "{}: --format {} writes {}; name OUT so", out.string(), format.name, what);
  };
  switch (format.output) {
    case Output::kFolder: return check(!safetensors && !torch_save, "a folder");
    case Output::kSafetensors: return check(safetensors, "FILE.safetensors");
    case Output::kTorchSave: return check(!safetensors, "FILE.pt");
    case Output::kFolderOrFile: return check(ending != ".pth", "a folder, FILE.safetensors, FILE.pt or FILE.bin");
  }
}

}  // namespace

std::vector<std::string> export_format_names() {
  std::vector<std::string> names;
  for (const Format& format : kFormats) names.emplace_back(format.name);
  return names;
}

void check_export(const std::string& format, const fs::path& out, const ExportOptions& options) {
  require<InputError>(
      !options.projection || format == "text-encoder",
      "--projection belongs to --format text-encoder; {} holds the projection wherever the model has one", format);
  check_may_write(out, options.overwrite);
  check_ending(format_called(format), out);
}

std::vector<std::string> export_as(const std::string& format, const AnyWeights& weights, const fs::path& out,
                                   const ExportOptions& options) {
  check_export(format, out, options);
  const auto* clip = std::get_if<ClipWeights>(&weights);
  if (format_called(format).text_only) {
    const TextEncoderWeights text = clip != nullptr ? text_encoder_of(*clip) : std::get<TextEncoderWeights>(weights);
    return format == "comfyui" ? export_comfyui(text, out, options) : export_text_encoder(text, out, options);
  }
  require<InputError>(clip != nullptr,
                      "a text encoder alone, and --format {} is a whole CLIP. Export it as text-encoder (diffusers, "
                      "transformers) or comfyui",
                      format);
  if (format == "hf") return export_hf(*clip, out, options);
  if (format == "open_clip") return export_open_clip(*clip, out, options);
  if (format == "upstream") return export_upstream(*clip, out, options);
  export_openai(*clip, out, options);
  return {};
}

}  // namespace longclip
