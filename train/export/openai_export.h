#pragma once
// train/export/openai_export.h -- the .pt files in OpenAI's names: for OpenAI's code and for the original Long-CLIP code.
// Sources: openai/CLIP clip/clip.py load, clip/model.py build_model; beichenzbc/Long-CLIP @3966af9, model/longclip.py
// load, model/model_longclip.py build_model.

#include <string>
#include <vector>

#include "train/export/export_options.h"

namespace longclip {

/// Writes OpenAI's state dict. torch.load(weights_only=True), clip.load and what else builds OpenAI's model from its
/// shapes read it. Throws InputError for more than 77 positions (clip.tokenize writes 77 ids, and the readers of this
/// format expect as many rows), and for what the shapes do not tell or OpenAI's code computes otherwise: heads other than
/// width/64, an MLP other than 4 x width, GELU (it has QuickGELU only), an end of text that is not the highest id (it
/// reads there).
void export_openai(const ClipWeights& weights, const std::filesystem::path& out, const ExportOptions& options);

/// Writes upstream's state dict: OpenAI's names, the position table under both `positional_embedding` and
/// `positional_embedding_res`. Upstream combines rows 0..19 of the first with the others of the second, which gives the
/// same table; converters that know only one of the names get the right one too.
/// torch.load(weights_only=True) and longclip.load read it. Throws InputError for a table that was not stretched, and
/// otherwise as export_openai: its code is OpenAI's. Returns what the user should know: its masks have 248 rows.
std::vector<std::string> export_upstream(const ClipWeights& weights, const std::filesystem::path& out,
                                         const ExportOptions& options);

}  // namespace longclip
