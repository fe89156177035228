// model/hf_config.cpp -- see model/hf_config.h
#include "model/hf_config.h"

#include <set>

#include "base/error.h"

namespace longclip {
namespace {

constexpr double kLayerNormEps = 1e-5;
constexpr const char* kTextModelType = "clip_text_model";
constexpr const char* kWithProjection = "CLIPTextModelWithProjection";
constexpr int64_t kWrongEos = 2;  // openai/clip-vit-*: config.json; transformers issue 24773

/// Reads one object of the config; absent keys have the default of transformers' class.
class ConfigObject {
 public:
  ConfigObject(Json object, std::string where) : object_(std::move(object)), where_(std::move(where)) {}

  int64_t integer(const char* key, int64_t otherwise) const {
    const auto found = object_.find(key);
    if (found == object_.end() || found->is_null()) return otherwise;
    require<DataError>(found->is_number_integer(), "{}: '{}' must be a whole number", where_, key);
    return found->get<int64_t>();
  }
  std::string text(const char* key, const char* otherwise) const {
    const auto found = object_.find(key);
    if (found == object_.end() || found->is_null()) return otherwise;
    require<DataError>(found->is_string(), "{}: '{}' must be text", where_, key);
    return found->get<std::string>();
  }
  void check_layer_norm_eps() const {
    const auto found = object_.find("layer_norm_eps");
    if (found == object_.end()) return;
    require<DataError>(found->is_number() && found->get<double>() == kLayerNormEps,
                       "{}: layer_norm_eps {} is not CLIP's 1e-5, and no other is supported", where_,
                       to_json_line(*found));
  }
  TowerSize tower(const TowerSize& otherwise) const {
    return {integer("hidden_size", otherwise.width), integer("num_hidden_layers", otherwise.layers),
            integer("num_attention_heads", otherwise.heads), integer("intermediate_size", otherwise.mlp_width)};
  }

 private:
  Json object_;
  std::string where_;
};

/// config[name] with the values of config[name + "_dict"] put over it.
ConfigObject merged(const Json& config, const std::string& name, const std::string& where,
                    std::vector<std::string>& notes) {
  Json result = Json::object();
  for (const std::string& key : {name, name + "_dict"}) {
    const auto found = config.find(key);
    if (found == config.end() || found->is_null()) continue;
    require<DataError>(found->is_object(), "{}: '{}' must be an object", where, key);
    for (const auto& [inner, value] : found->items()) {
      const bool differs = result.contains(inner) && result[inner] != value;
      if (differs)
        notes.push_back(name + "_dict." + inner + " " + to_json_line(value) + " wins over " +
                        to_json_line(result[inner]) + " of " + name);
      result[inner] = value;
    }
  }
  return {result, where + ": " + name};
}

Activation activation_of(const ConfigObject& tower, const std::string& where) {
  const std::string name = tower.text("hidden_act", "quick_gelu");
  require<DataError>(name == "quick_gelu" || name == "gelu", "{}: hidden_act '{}' is neither quick_gelu nor gelu",
                     where, name);
  return name == "gelu" ? Activation::kGelu : Activation::kQuickGelu;
}

/// Everything but `embed_dim`, which stands in the text tower's object or above it.
TextArchitecture text_half_of(const ConfigObject& text, const Json& config, const std::string& where,
                              std::vector<std::string>& notes) {
  text.check_layer_norm_eps();
  TextArchitecture architecture;
  architecture.tower = text.tower({.width = 512, .layers = 12, .heads = 8, .mlp_width = 2048});
  architecture.context_length = text.integer("max_position_embeddings", 77);
  architecture.vocabulary_size = text.integer("vocab_size", 49408);
  architecture.activation = activation_of(text, where);
  architecture.stretch = stretch_of(config, where);
  architecture.eos_id = text.integer("eos_token_id", architecture.vocabulary_size - 1);
  if (architecture.eos_id == kWrongEos && architecture.vocabulary_size > kWrongEos + 1) {
    architecture.eos_id = architecture.vocabulary_size - 1;
    notes.push_back("eos_token_id 2 is the known mistake of old CLIP configs; end of text is " +
                    std::to_string(architecture.eos_id));
  }
  return architecture;
}

template <class A> A validated(A architecture, const std::string& where) {
  try {
    architecture.validate();
  } catch (const InputError& error) {
    fail<DataError>("{}: {}", where, error.what());
  }
  return architecture;
}

Json tower_config(const TowerSize& tower, Activation activation, int64_t embed_dim, const char* type) {
  return {{"model_type", type},
          {"hidden_size", tower.width},
          {"intermediate_size", tower.mlp_width},
          {"num_hidden_layers", tower.layers},
          {"num_attention_heads", tower.heads},
          {"projection_dim", embed_dim},
          {"hidden_act", activation == Activation::kQuickGelu ? "quick_gelu" : "gelu"},
          {"layer_norm_eps", kLayerNormEps},
          {"attention_dropout", 0.0},
          {"initializer_factor", 1.0},
          {"initializer_range", 0.02}};
}

Json text_tower_config(const TextArchitecture& architecture, int64_t embed_dim) {
  Json text = tower_config(architecture.tower, architecture.activation, embed_dim, kTextModelType);
  text["vocab_size"] = architecture.vocabulary_size;
  text["max_position_embeddings"] = architecture.context_length;
  text["bos_token_id"] = architecture.eos_id - 1;  // CLIP: 49406, 49407
  text["eos_token_id"] = architecture.eos_id;
  text["pad_token_id"] = architecture.eos_id;
  return text;
}

void add_stretch(Json& config, const TextArchitecture& architecture) {
  if (architecture.stretch) config["longclip"] = {{"stretch", to_json(architecture)["stretch"]}};
}

}  // namespace

std::optional<Stretch> stretch_of(const Json& config, const std::string& where) {
  const auto ours = config.find("longclip");
  if (ours == config.end() || !ours->is_object() || !ours->contains("stretch") || (*ours)["stretch"].is_null())
    return std::nullopt;
  const ConfigObject record((*ours)["stretch"], where + ": longclip.stretch");
  Stretch stretch{
      .keep = record.integer("keep", 20), .ratio = std::nullopt, .source_length = record.integer("source_length", 77)};
  if (const int64_t ratio = record.integer("ratio", 0); ratio != 0) stretch.ratio = ratio;
  return stretch;
}

bool is_hf_text_config(const Json& config) {
  return config.is_object() && config.contains("model_type") && config["model_type"] == kTextModelType;
}

Architecture architecture_from_hf_config(const Json& config, const std::string& where,
                                         std::vector<std::string>& notes) {
  require<DataError>(config.is_object(), "{}: an object is wanted", where);
  const ConfigObject top(config, where);
  const std::string type = top.text("model_type", "clip");
  require<DataError>(type == "clip", "{}: model_type '{}' is not 'clip'", where, type);
  const ConfigObject text = merged(config, "text_config", where, notes);
  const ConfigObject vision = merged(config, "vision_config", where, notes);
  vision.check_layer_norm_eps();
  const TextArchitecture half = text_half_of(text, config, where, notes);
  require<DataError>(half.activation == activation_of(vision, where),
                     "{}: hidden_act differs between the text and the image tower; one for both is supported", where);
  Architecture architecture{.vision = vision.tower({.width = 768, .layers = 12, .heads = 12, .mlp_width = 3072}),
                            .text = half.tower,
                            .context_length = half.context_length,
                            .vocabulary_size = half.vocabulary_size,
                            .eos_id = half.eos_id,
                            .embed_dim = top.integer("projection_dim", 512),
                            .activation = half.activation,
                            .stretch = half.stretch};
  architecture.image_size = vision.integer("image_size", 224);
  architecture.patch_size = vision.integer("patch_size", 32);
  return validated(architecture, where);
}

TextArchitecture text_architecture_from_hf_config(const Json& config, bool has_projection, const std::string& where,
                                                  std::vector<std::string>& notes) {
  const ConfigObject text(config, where);
  TextArchitecture architecture = text_half_of(text, config, where, notes);
  const auto classes = config.find("architectures");
  const bool promised =
      classes != config.end() && classes->is_array() && !classes->empty() && classes->front() == kWithProjection;
  if (has_projection || promised) architecture.embed_dim = text.integer("projection_dim", 512);
  return validated(architecture, where);
}

Json to_hf_config(const Architecture& architecture, const std::string& dtype, double logit_scale) {
  const TextArchitecture half = text_half(architecture);
  Json vision = tower_config(architecture.vision, architecture.activation, architecture.embed_dim, "clip_vision_model");
  vision["image_size"] = architecture.image_size;
  vision["patch_size"] = architecture.patch_size;
  vision["num_channels"] = 3;
  Json config{{"architectures", {"CLIPModel"}},
              {"model_type", "clip"},
              {"projection_dim", architecture.embed_dim},
              {"logit_scale_init_value", logit_scale},
              {"initializer_factor", 1.0},
              {"torch_dtype", dtype},
              {"text_config", text_tower_config(half, architecture.embed_dim)},
              {"vision_config", std::move(vision)}};
  add_stretch(config, half);
  return config;
}

Json to_hf_text_config(const TextArchitecture& architecture, const std::string& dtype) {
  Json config = text_tower_config(architecture, architecture.embed_dim.value_or(architecture.tower.width));
  config["architectures"] = {architecture.embed_dim ? kWithProjection : "CLIPTextModel"};
  config["torch_dtype"] = dtype;
  add_stretch(config, architecture);
  return config;
}

}  // namespace longclip
