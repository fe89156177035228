#pragma once
// model/open_clip_config.h -- open_clip_config.json, which OpenCLIP writes beside its weights, as an Architecture.
// Source: open_clip src/open_clip/model.py CLIPVisionCfg, CLIPTextCfg (defaults of absent keys), push_to_hf_hub.py.

#include <string>

#include "base/json.h"
#include "model/architecture.h"

namespace longclip {

/// `config`: {"model_cfg": {...}, "preprocess_cfg": {...}}, or a bare model config. How positions were stretched may
/// stand under "longclip", as in our Hugging Face configs. Throws DataError "WHERE: ..." for ill-typed or impossible sizes, and
/// by its name for every setting that makes another model (timm, Hugging Face text towers, CoCa, pooling, LayerScale,
/// another normalisation of pixels).
Architecture architecture_from_open_clip_config(const Json& config, const std::string& where);

}  // namespace longclip
