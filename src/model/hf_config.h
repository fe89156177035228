#pragma once
// model/hf_config.h -- config.json of a Hugging Face CLIPModel or CLIPTextModel, from and to an Architecture.
// Source: huggingface/transformers models/clip/configuration_clip.py; defaults of absent keys are those of its classes.

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "model/architecture.h"

namespace longclip {

/// Reads a config.json. `text_config_dict` and `vision_config_dict` win over `text_config` and `vision_config`, as
/// there. eos_token_id 2 (in all old OpenAI configs, and wrong) becomes the highest id of the vocabulary, where CLIP
/// reads. What was corrected goes to `notes`. Throws DataError "WHERE: ..." for another model type, ill-typed or
/// impossible sizes, different activations in the towers, or a layer_norm_eps other than 1e-5.
Architecture architecture_from_hf_config(const Json& config, const std::string& where, std::vector<std::string>& notes);

/// The config.json of a CLIPModel. `dtype` is "float32", "float16" or "bfloat16". How the positions were stretched
/// stands under "longclip", which transformers keeps and does not read.
Json to_hf_config(const Architecture& architecture, const std::string& dtype, double logit_scale);

/// A config.json of a text encoder alone (model_type "clip_text_model"), read by the same rules. `has_projection`: the
/// weights have a text_projection; one that "architectures" promises is expected too.
TextArchitecture text_architecture_from_hf_config(const Json& config, bool has_projection, const std::string& where,
                                                  std::vector<std::string>& notes);

/// The config.json of a CLIPTextModel, or of a CLIPTextModelWithProjection where there is an embed_dim.
Json to_hf_text_config(const TextArchitecture& architecture, const std::string& dtype);

/// The record of stretching under config["longclip"], which our exports write.
std::optional<Stretch> stretch_of(const Json& config, const std::string& where);

/// True for a config.json of a text encoder alone.
bool is_hf_text_config(const Json& config);

}  // namespace longclip
