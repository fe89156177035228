#pragma once
// train/export/export_format.h -- the formats of `longclip export` by name.

#include <string>
#include <vector>

#include "train/export/export_options.h"

namespace longclip {

/// "hf", "text-encoder", "comfyui", "open_clip", "upstream", "openai".
std::vector<std::string> export_format_names();

/// Before anything is read. Throws InputError for an output that exists, unless options.overwrite, for an ending of
/// `out` that says another kind of file than the format writes, and for options that do not belong to it.
void check_export(const std::string& format, const std::filesystem::path& out, const ExportOptions& options);

/// Writes the checkpoint as that format; of a whole CLIP its text half where the format is a text encoder. Returns what
/// the user should know, one sentence each. Throws InputError as check_export, for a text encoder alone where the format
/// wants a whole CLIP, and for a model that the other software would not compute as we do, with what to use instead.
std::vector<std::string> export_as(const std::string& format, const AnyWeights& weights,
                                   const std::filesystem::path& out, const ExportOptions& options);

}  // namespace longclip
