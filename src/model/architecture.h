#pragma once
// model/architecture.h -- the sizes of a CLIP model, as written into model.json and into safetensors metadata.
// Heads and MLP width are explicit: OpenCLIP's ViT-H and bigG have neither width/64 heads nor a 4x MLP.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace longclip {

enum class Activation { kQuickGelu, kGelu };  ///< OpenAI CLIP: x*sigmoid(1.702x); LAION weights: exact GELU

/// One transformer.
struct TowerSize {
  int64_t width = 0;
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t mlp_width = 0;
  bool operator==(const TowerSize&) const = default;
};

/// How the text positions were stretched: `source_length` rows became `context_length` rows, the first `keep` unchanged.
struct Stretch {
  int64_t keep = 20;
  std::optional<int64_t> ratio;  ///< empty where the length was given (`--to N`)
  int64_t source_length = 77;
  bool operator==(const Stretch&) const = default;
};

struct Architecture {
  int64_t image_size = 224;  ///< S, pixels
  int64_t patch_size = 16;   ///< pixels
  TowerSize vision;
  TowerSize text;
  int64_t context_length = 77;      ///< L, text positions
  int64_t vocabulary_size = 49408;  ///< V
  int64_t eos_id = 49407;           ///< the end-of-text token, where the text feature is read
  int64_t embed_dim = 512;          ///< E
  Activation activation = Activation::kQuickGelu;
  std::optional<Stretch> stretch = std::nullopt;

  bool operator==(const Architecture&) const = default;
  int64_t patches_per_side() const { return image_size / patch_size; }
  int64_t image_tokens() const { return patches_per_side() * patches_per_side() + 1; }  ///< P
  /// First rows of the position table that training leaves as they are; 0 where the table was not stretched.
  int64_t kept_positions() const { return stretch ? stretch->keep : 0; }
  /// True if the vocabulary is CLIP's, so that CLIP's tokenizer files belong to the model.
  bool has_clip_vocabulary() const { return vocabulary_size == 49408 && eos_id == 49407; }
  /// Throws InputError naming the size that cannot be.
  void validate() const;
};

/// A text encoder alone, as diffusion models have it: the text half of an Architecture.
struct TextArchitecture {
  TowerSize tower;
  int64_t context_length = 77;       ///< L, text positions
  int64_t vocabulary_size = 49408;   ///< V
  int64_t eos_id = 49407;            ///< the end-of-text token, where the text feature is read
  std::optional<int64_t> embed_dim;  ///< E, of text_projection; empty: it ends with ln_final (CLIPTextModel)
  Activation activation = Activation::kQuickGelu;
  std::optional<Stretch> stretch = std::nullopt;

  bool operator==(const TextArchitecture&) const = default;
  bool has_clip_vocabulary() const { return vocabulary_size == 49408 && eos_id == 49407; }
  /// Throws InputError naming the size that cannot be.
  void validate() const;
};
TextArchitecture text_half(const Architecture& architecture);

/// The architectures `longclip init --arch` knows: tiny, ViT-B-32, ViT-B-16, ViT-L-14, ViT-L-14-336. `context_length` is 77.
/// Throws InputError that lists the names.
Architecture preset_architecture(const std::string& name);
std::vector<std::string> preset_names();

/// The object in model.json. `hidden_act` is "quick_gelu" or "gelu", as in Hugging Face configs.
Json to_json(const Architecture& architecture);
/// Reads what to_json wrote. Throws DataError "WHERE: ..." for a missing, unknown or ill-typed key.
Architecture architecture_from_json(const Json& json, const std::string& where);
/// The same for a text encoder alone; `embed_dim` is null where it has no projection.
Json to_json(const TextArchitecture& architecture);
TextArchitecture text_architecture_from_json(const Json& json, const std::string& where);

}  // namespace longclip
