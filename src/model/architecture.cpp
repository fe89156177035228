// model/architecture.cpp -- presets, checks and JSON of model/architecture.h
#include "model/architecture.h"

#include <array>
#include <set>

#include "base/error.h"

namespace longclip {
namespace {

struct Preset {
  const char* name;
  Architecture architecture;
};

/// Sizes of OpenAI's checkpoints (clip/model.py build_model, published state dicts).
const std::array<Preset, 5>& presets() {
  static const std::array<Preset, 5> all{{
      {"tiny",
       {.image_size = 64, .patch_size = 16, .vision = {128, 4, 2, 512}, .text = {128, 4, 2, 512}, .embed_dim = 128}},
      {"ViT-B-32",
       {.image_size = 224,
        .patch_size = 32,
        .vision = {768, 12, 12, 3072},
        .text = {512, 12, 8, 2048},
        .embed_dim = 512}},
      {"ViT-B-16",
       {.image_size = 224,
        .patch_size = 16,
        .vision = {768, 12, 12, 3072},
        .text = {512, 12, 8, 2048},
        .embed_dim = 512}},
      {"ViT-L-14",
       {.image_size = 224,
        .patch_size = 14,
        .vision = {1024, 24, 16, 4096},
        .text = {768, 12, 12, 3072},
        .embed_dim = 768}},
      {"ViT-L-14-336",
       {.image_size = 336,
        .patch_size = 14,
        .vision = {1024, 24, 16, 4096},
        .text = {768, 12, 12, 3072},
        .embed_dim = 768}},
  }};
  return all;
}

/// Reads the members of one JSON object and complains about those nobody asked for.
class ObjectReader {
 public:
  ObjectReader(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
    require<DataError>(object_.is_object(), "{}: an object is wanted", where_);
  }
  int64_t integer(const char* key) {
    const Json& value = member(key);
    require<DataError>(value.is_number_integer(), "{}: '{}' must be a whole number", where_, key);
    return value.get<int64_t>();
  }
  std::string text(const char* key) {
    const Json& value = member(key);
    require<DataError>(value.is_string(), "{}: '{}' must be text", where_, key);
    return value.get<std::string>();
  }
  const Json& member(const char* key) {
    known_.insert(key);
    require<DataError>(object_.contains(key), "{}: '{}' is missing", where_, key);
    return object_.at(key);
  }
  const Json* member_or_null(const char* key) {
    known_.insert(key);
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }
  void check_all_read() const {
    for (const auto& [key, value] : object_.items()) {
      require<DataError>(known_.contains(key), "{}: unknown key '{}'", where_, key);
    }
  }

 private:
  const Json& object_;
  std::string where_;
  std::set<std::string> known_;
};

Json to_json(const TowerSize& tower) {
  return {{"width", tower.width}, {"layers", tower.layers}, {"heads", tower.heads}, {"mlp_width", tower.mlp_width}};
}

TowerSize tower_from_json(const Json& json, const std::string& where) {
  ObjectReader reader(json, where);
  const TowerSize tower{reader.integer("width"), reader.integer("layers"), reader.integer("heads"),
                        reader.integer("mlp_width")};
  reader.check_all_read();
  return tower;
}

void check_tower(const TowerSize& tower, const char* name) {
  require<InputError>(tower.width > 0 && tower.width <= 65536, "architecture: {} width {} must be in 1..65536", name,
                      tower.width);
  require<InputError>(tower.layers > 0 && tower.layers <= 1000, "architecture: {} layers {} must be in 1..1000", name,
                      tower.layers);
  require<InputError>(tower.heads > 0 && tower.width % tower.heads == 0,
                      "architecture: {} heads {} must divide the width {}", name, tower.heads, tower.width);
  require<InputError>(tower.mlp_width > 0 && tower.mlp_width <= 1 << 20,
                      "architecture: {} MLP width {} must be in 1..2^20", name, tower.mlp_width);
}

const char* name_of(Activation activation) { return activation == Activation::kQuickGelu ? "quick_gelu" : "gelu"; }

Activation read_activation(ObjectReader& reader, const std::string& where) {
  const std::string name = reader.text("hidden_act");
  require<DataError>(name == "quick_gelu" || name == "gelu", "{}: hidden_act '{}' is neither quick_gelu nor gelu",
                     where, name);
  return name == "gelu" ? Activation::kGelu : Activation::kQuickGelu;
}

Json to_json(const std::optional<Stretch>& stretch) {
  if (!stretch) return nullptr;
  Json json{{"keep", stretch->keep}, {"ratio", nullptr}, {"source_length", stretch->source_length}};
  if (stretch->ratio) json["ratio"] = *stretch->ratio;
  return json;
}

std::optional<Stretch> read_stretch(ObjectReader& reader, const std::string& where) {
  const Json* json = reader.member_or_null("stretch");
  if (json == nullptr) return std::nullopt;
  ObjectReader inner(*json, where + ": stretch");
  Stretch stretch{
      .keep = inner.integer("keep"), .ratio = std::nullopt, .source_length = inner.integer("source_length")};
  if (inner.member_or_null("ratio") != nullptr) stretch.ratio = inner.integer("ratio");
  inner.check_all_read();
  return stretch;
}

}  // namespace

void Architecture::validate() const {
  text_half(*this).validate();
  check_tower(vision, "vision");
  require<InputError>(patch_size > 0 && image_size > 0 && image_size <= 16384 && image_size % patch_size == 0,
                      "architecture: patch size {} must divide the image size {}", patch_size, image_size);
}

void TextArchitecture::validate() const {
  check_tower(tower, "text");
  require<InputError>(context_length > 1 && context_length <= 1 << 20,
                      "architecture: context length {} must be in 2..2^20", context_length);
  require<InputError>(vocabulary_size > 1 && vocabulary_size <= 1 << 28 && eos_id >= 0 && eos_id < vocabulary_size,
                      "architecture: end-of-text id {} must be inside the vocabulary of {}", eos_id, vocabulary_size);
  require<InputError>(!embed_dim || (*embed_dim > 0 && *embed_dim <= 65536),
                      "architecture: embedding {} must be in 1..65536", embed_dim.value_or(0));
  if (stretch) {
    require<InputError>(
        stretch->keep >= 0 && stretch->keep <= stretch->source_length && stretch->source_length <= context_length,
        "architecture: stretched from {} to {} positions with {} kept cannot be", stretch->source_length,
        context_length, stretch->keep);
  }
}

TextArchitecture text_half(const Architecture& a) {
  return {.tower = a.text,
          .context_length = a.context_length,
          .vocabulary_size = a.vocabulary_size,
          .eos_id = a.eos_id,
          .embed_dim = a.embed_dim,
          .activation = a.activation,
          .stretch = a.stretch};
}

Architecture preset_architecture(const std::string& name) {
  for (const Preset& preset : presets()) {
    if (name == preset.name) return preset.architecture;
  }
  std::string known;
  for (const std::string& other : preset_names()) known += (known.empty() ? "" : ", ") + other;
  fail<InputError>("unknown architecture '{}'; known are {}, or a YAML file", name, known);
}

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const Preset& preset : presets()) names.emplace_back(preset.name);
  return names;
}

Json to_json(const Architecture& architecture) {
  return {{"image_size", architecture.image_size},
          {"patch_size", architecture.patch_size},
          {"vision", to_json(architecture.vision)},
          {"text", to_json(architecture.text)},
          {"context_length", architecture.context_length},
          {"vocabulary_size", architecture.vocabulary_size},
          {"eos_id", architecture.eos_id},
          {"embed_dim", architecture.embed_dim},
          {"hidden_act", name_of(architecture.activation)},
          {"stretch", to_json(architecture.stretch)}};
}

Json to_json(const TextArchitecture& architecture) {
  Json json{{"text", to_json(architecture.tower)},
            {"context_length", architecture.context_length},
            {"vocabulary_size", architecture.vocabulary_size},
            {"eos_id", architecture.eos_id},
            {"embed_dim", nullptr},
            {"hidden_act", name_of(architecture.activation)},
            {"stretch", to_json(architecture.stretch)}};
  if (architecture.embed_dim) json["embed_dim"] = *architecture.embed_dim;
  return json;
}

Architecture architecture_from_json(const Json& json, const std::string& where) {
  ObjectReader reader(json, where);
  Architecture architecture;
  architecture.image_size = reader.integer("image_size");
  architecture.patch_size = reader.integer("patch_size");
  architecture.vision = tower_from_json(reader.member("vision"), where + ": vision");
  architecture.text = tower_from_json(reader.member("text"), where + ": text");
  architecture.context_length = reader.integer("context_length");
  architecture.vocabulary_size = reader.integer("vocabulary_size");
  architecture.eos_id = reader.integer("eos_id");
  architecture.embed_dim = reader.integer("embed_dim");
  architecture.activation = read_activation(reader, where);
  architecture.stretch = read_stretch(reader, where);
  reader.check_all_read();
  architecture.validate();
  return architecture;
}

TextArchitecture text_architecture_from_json(const Json& json, const std::string& where) {
  ObjectReader reader(json, where);
  TextArchitecture architecture;
  architecture.tower = tower_from_json(reader.member("text"), where + ": text");
  architecture.context_length = reader.integer("context_length");
  architecture.vocabulary_size = reader.integer("vocabulary_size");
  architecture.eos_id = reader.integer("eos_id");
  if (reader.member_or_null("embed_dim") != nullptr) architecture.embed_dim = reader.integer("embed_dim");
  architecture.activation = read_activation(reader, where);
  architecture.stretch = read_stretch(reader, where);
  reader.check_all_read();
  architecture.validate();
  return architecture;
}

}  // namespace longclip
