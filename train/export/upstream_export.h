#pragma once
// train/export/upstream_export.h -- the .pt file that the original Long-CLIP code loads.
// Source: beichenzbc/Long-CLIP @3966af9, model/longclip.py load, model/model_longclip.py build_model.

#include "train/export/export_options.h"

namespace longclip {

/// Writes upstream's state dict: OpenAI's names, the position table under both `positional_embedding` and
/// `positional_embedding_res`. Upstream combines rows 0..19 of the first with the others of the second, which gives the
/// same table; converters that know only one of the names get the right one too.
/// torch.load(weights_only=True) and longclip.load read it. Throws InputError for a table that was not stretched, for
/// heads other than width/64 (upstream computes them so), for GELU (it has QuickGELU only), and for an end of text that
/// is not the highest id (it reads there).
void export_upstream(const ClipWeights& weights, const std::filesystem::path& out, const ExportOptions& options);

}  // namespace longclip
