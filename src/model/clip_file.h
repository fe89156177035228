#pragma once
// model/clip_file.h -- a CLIP or a text encoder from any checkpoint people have, and both to files.

#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "model/architecture.h"
#include "model/inferred_architecture.h"
#include "tensors/tensor_map.h"

namespace longclip {

/// A whole CLIP. `tensors`: OpenAI names, float32, one `positional_embedding`, exactly those of
/// weight_shapes(architecture).
struct ClipWeights {
  Architecture architecture;
  TensorMap tensors;
  std::string source_format =
      "longclip";                       ///< or "Hugging Face", "OpenCLIP", "TorchScript", "torch.save", "safetensors"
  std::vector<std::string> notes = {};  ///< what was assumed, corrected or left out; one sentence each, for the log
};

/// A text encoder alone: as ClipWeights, without `visual.*` and `logit_scale`, and with `text_projection` only where
/// architecture.embed_dim says so.
struct TextEncoderWeights {
  TextArchitecture architecture;
  TensorMap tensors;
  std::string source_format = "longclip";
  std::vector<std::string> notes = {};
};

using AnyWeights = std::variant<ClipWeights, TextEncoderWeights>;

/// What a reader may be told about a file that does not say it.
struct ReadHints {
  ArchitectureHints architecture = {};  ///< where no config states it; refused where one states something else
  std::string entry =
      {};  ///< which model, in a file of several: a part of its tensors' prefix, as "conditioner.embedders.1"
};

/// Reads a checkpoint: a folder or file of write_clip or write_text_encoder, a run folder (its latest checkpoint), the file
/// RUN/checkpoints/latest or best, a Hugging Face folder
/// (CLIPModel, CLIPTextModel or CLIPTextModelWithProjection, one file or shards; also in `text_encoder`), a folder of OpenCLIP, OpenAI's TorchScript archive,
/// a torch.save or safetensors file in OpenAI's, OpenCLIP's or Hugging Face's names, as upstream Long-CLIP (two position tables),
/// training programs (wrappers, optimizer beside), ComfyUI and Stable Diffusion's single files (text encoders under
/// prefixes) save it.
/// Where nothing states the architecture, see inferred_architecture(); a 248-row file with two tables was stretched from
/// 77 with keep 20, ratio 4.
/// Memory: the tensors of the model and the largest of them again; what else the file holds is not read.
/// Throws DataError that names the file and lists every missing, unknown, misshapen or non-finite tensor.
AnyWeights read_checkpoint(const std::filesystem::path& path, const ReadHints& hints = {});
/// The same for a whole CLIP; refuses a text encoder.
ClipWeights read_clip(const std::filesystem::path& path, const ReadHints& hints = {});

/// The architecture alone. Looks at configs, names and shapes; no weights are read.
std::variant<Architecture, TextArchitecture> read_architecture(const std::filesystem::path& path,
                                                               const ReadHints& hints = {});

/// The text half of a whole CLIP; shares its tensors.
TextEncoderWeights text_encoder_of(const ClipWeights& clip);

/// Writes `out`, ending in .safetensors: one file, the architecture in its metadata under "longclip"; otherwise a
/// folder with model.safetensors and model.json. Throws InputError if `out` exists, unless `overwrite`.
void write_clip(const std::filesystem::path& out, const ClipWeights& weights, bool overwrite = false);

/// Writes a text encoder as others load it, in Hugging Face's names: `out` ending in .safetensors is one file (ComfyUI), its architecture
/// in the metadata under "longclip_text_encoder"; otherwise a folder with model.safetensors and config.json
/// (CLIPTextModel, or CLIPTextModelWithProjection where there is an embed_dim). Otherwise as write_clip.
void write_text_encoder(const std::filesystem::path& out, const TextEncoderWeights& weights, bool overwrite = false);

/// Throws InputError if `out` exists and is not an empty folder. For commands, before the long work.
void check_may_write(const std::filesystem::path& out, bool overwrite);

/// The tensor file of a checkpoint folder and the JSON beside it that states the architecture.
inline constexpr const char* kModelFile = "model.safetensors";
inline constexpr const char* kArchitectureFile = "model.json";
inline constexpr const char* kMetadataKey = "longclip";
inline constexpr const char* kTextMetadataKey = "longclip_text_encoder";

}  // namespace longclip
