#pragma once
// model/clip_file.h -- a CLIP from any checkpoint people have, and a CLIP to our own files.

#include <filesystem>
#include <string>
#include <vector>

#include "model/architecture.h"
#include "tensors/tensor_map.h"

namespace longclip {

/// A whole CLIP. `tensors`: OpenAI names, float32, one `positional_embedding`, exactly those of
/// weight_shapes(architecture).
struct ClipWeights {
  Architecture architecture;
  TensorMap tensors;
  std::string source_format = "longclip";  ///< or "Hugging Face", "TorchScript", "torch.save", "safetensors"
  std::vector<std::string> notes = {};     ///< what was assumed, corrected or left out; one sentence each, for the log
};

/// Reads a checkpoint: a folder or file of write_clip, a run folder (its latest checkpoint), the file
/// RUN/checkpoints/best or latest, a Hugging Face folder (one
/// file or shards), OpenAI's TorchScript archive, a torch.save or safetensors file in OpenAI's or Hugging Face's names,
/// as upstream Long-CLIP (two position tables) and training programs (wrappers, optimizer beside) save it.
/// Where nothing states the architecture, it follows from the shapes: heads = width / 64, QuickGELU, end of text =
/// highest id; a 248-row file with two tables was stretched from 77 with keep 20, ratio 4.
/// Throws DataError that names the file and lists every missing, unknown, misshapen or non-finite tensor.
ClipWeights read_clip(const std::filesystem::path& path);

/// Writes `out`, ending in .safetensors: one file, the architecture in its metadata under "longclip"; otherwise a
/// folder with model.safetensors and model.json. Throws InputError if `out` exists, unless `overwrite`.
void write_clip(const std::filesystem::path& out, const ClipWeights& weights, bool overwrite = false);

/// Throws InputError if `out` exists and is not an empty folder. For commands, before the long work.
void check_may_write(const std::filesystem::path& out, bool overwrite);

/// The tensor file of a checkpoint folder and the JSON beside it that states the architecture.
inline constexpr const char* kModelFile = "model.safetensors";
inline constexpr const char* kArchitectureFile = "model.json";
inline constexpr const char* kMetadataKey = "longclip";

}  // namespace longclip
