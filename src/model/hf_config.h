#pragma once
// model/hf_config.h -- config.json of a Hugging Face CLIPModel, from and to an Architecture.
// Source: huggingface/transformers models/clip/configuration_clip.py; defaults of absent keys are those of its classes.

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

}  // namespace longclip
