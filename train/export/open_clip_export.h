#pragma once
// train/export/open_clip_export.h -- what OpenCLIP (open_clip_torch) loads as it is.
// Source: mlfoundations/open_clip src/open_clip/factory.py load_checkpoint, create_model ("local-dir:"); model.py CLIP,
// CLIPVisionCfg, CLIPTextCfg.

#include <string>
#include <vector>

#include "train/export/export_options.h"

namespace longclip {

/// `out` ending in .safetensors, .pt or .bin: the state dict of OpenCLIP's CLIP class; the program that loads it must say
/// the architecture. Otherwise a folder with open_clip_model.safetensors and open_clip_config.json, which states it:
/// positions, activation, heads, MLP width, and how pixels are prepared. The config is written last.
/// Returns what the user should know. Throws InputError for an end of text that is not the highest id, where OpenCLIP
/// reads, and if `out` exists, unless options.overwrite.
std::vector<std::string> export_open_clip(const ClipWeights& weights, const std::filesystem::path& out,
                                          const ExportOptions& options);

}  // namespace longclip
