// model/open_clip_config.cpp -- see model/open_clip_config.h
#include "model/open_clip_config.h"

#include <cmath>
#include <map>
#include <set>

#include "base/clip_normalization.h"
#include "base/error.h"
#include "model/hf_config.h"

namespace longclip {
namespace {

constexpr int64_t kMaxWidth = 65536;

/// One object of the config. Every key must be asked for, or have a value that leaves the model CLIP's.
class Section {
 public:
  Section(const Json& parent, const char* key, const std::string& where) : where_(where + ": " + key) {
    const auto found = parent.find(key);
    require<DataError>(found != parent.end() && found->is_object(), "{}: is missing, or no object", where_);
    object_ = *found;
  }

  int64_t integer(const char* key, std::optional<int64_t> otherwise = std::nullopt) {
    const Json* value = find(key);
    require<DataError>(value != nullptr || otherwise, "{}: '{}' is missing", where_, key);
    if (value == nullptr) return *otherwise;
    require<DataError>(value->is_number_integer(),
                       "{}: '{}' is {}; only CLIP's own vision transformer and text tower are supported, "
                       "with a whole number here",
                       where_, key, to_json_line(*value));
    return value->get<int64_t>();
  }
  /// width * ratio, cut as Python's int().
  int64_t mlp_width(int64_t width) {
    const Json* ratio = find("mlp_ratio");
    require<DataError>(width > 0 && width <= kMaxWidth, "{}: width {} must be in 1..{}", where_, width, kMaxWidth);
    require<DataError>(
        ratio == nullptr || (ratio->is_number() && ratio->get<double>() > 0 && ratio->get<double>() < 1024),
        "{}: 'mlp_ratio' must be a number between 0 and 1024", where_);
    return static_cast<int64_t>(static_cast<double>(width) * (ratio == nullptr ? 4.0 : ratio->get<double>()));
  }
  /// A whole number, or a list of two equal ones.
  int64_t side(const char* key, int64_t otherwise) {
    const Json* value = find(key);
    const bool pair = value != nullptr && value->is_array() && value->size() == 2 && (*value)[0] == (*value)[1] &&
                      (*value)[0].is_number_integer();
    return pair ? (*value)[0].get<int64_t>() : integer(key, otherwise);
  }
  bool flag(const char* key) {
    const Json* value = find(key);
    require<DataError>(value == nullptr || value->is_boolean(), "{}: '{}' must be true or false", where_, key);
    return value != nullptr && value->get<bool>();
  }
  /// Keys without effect on the model, and those that say what is so anyway.
  void refuse_others(const std::map<std::string, Json>& usual) const {
    for (const auto& [key, value] : object_.items()) {
      const bool off = value.is_null() || value == false || known_.contains(key);
      const auto found = usual.find(key);
      require<DataError>(off || (found != usual.end() && (found->second.is_null() || found->second == value)),
                         "{}: {} = {} makes another model than CLIP's two towers, which is not supported", where_, key,
                         to_json_line(value));
    }
  }

 private:
  const Json* find(const char* key) {
    known_.insert(key);
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  Json object_;
  std::string where_;
  std::set<std::string> known_;
};

const Json kAnything = nullptr;

void check_normalization(const Json& config, const std::string& where) {
  const auto found = config.find("preprocess_cfg");
  if (found == config.end() || !found->is_object()) return;
  const auto check = [&](const char* key, const auto& wanted) {
    const auto values = found->find(key);
    if (values == found->end()) return;
    bool same = values->is_array() && values->size() == wanted.size();
    for (size_t i = 0; same && i < wanted.size(); ++i)
      same = (*values)[i].is_number() && std::abs((*values)[i].template get<double>() - wanted[i]) < 1e-4;
    require<DataError>(same, "{}: preprocess_cfg.{} {} is not CLIP's, and no other is supported", where, key,
                       to_json_line(*values));
  };
  check("mean", kClipPixelMean);
  check("std", kClipPixelStd);
}

}  // namespace

Architecture architecture_from_open_clip_config(const Json& config, const std::string& where) {
  require<DataError>(config.is_object(), "{}: an object is wanted", where);
  const bool whole = config.contains("model_cfg");
  check_normalization(config, where);
  const Json wrapped = whole ? config : Json{{"model_cfg", config}};
  Section model(wrapped, "model_cfg", where);
  Section vision(wrapped["model_cfg"], "vision_cfg", where), text(wrapped["model_cfg"], "text_cfg", where);
  Architecture a;
  a.embed_dim = model.integer("embed_dim");
  a.activation = model.flag("quick_gelu") ? Activation::kQuickGelu : Activation::kGelu;
  a.image_size = vision.side("image_size", 224);
  a.patch_size = vision.side("patch_size", 16);
  a.vision = {
      .width = vision.integer("width", 768), .layers = vision.integer("layers", 12), .heads = 0, .mlp_width = 0};
  const int64_t head_width = vision.integer("head_width", 64);
  require<DataError>(head_width > 0, "{}: head_width {} cannot be", where, head_width);
  a.vision.heads = a.vision.width / head_width;  // as VisionTransformer's caller does
  a.vision.mlp_width = vision.mlp_width(a.vision.width);
  a.text = {.width = text.integer("width", 512),
            .layers = text.integer("layers", 12),
            .heads = text.integer("heads", 8),
            .mlp_width = 0};
  a.text.mlp_width = text.mlp_width(a.text.width);
  a.context_length = text.integer("context_length", 77);
  a.vocabulary_size = text.integer("vocab_size", 49408);
  a.eos_id = a.vocabulary_size - 1;  // OpenCLIP reads at the highest id
  a.stretch = stretch_of(config, where);
  model.refuse_others({{"vision_cfg", kAnything},
                       {"text_cfg", kAnything},
                       {"custom_text", kAnything},
                       {"init_logit_scale", kAnything}});
  vision.refuse_others({{"patch_dropout", kAnything}, {"output_tokens", kAnything}, {"pool_type", "tok"}});
  text.refuse_others({{"output_tokens", kAnything}, {"pool_type", "argmax"}, {"proj_type", "linear"}});
  try {
    a.validate();
  } catch (const InputError& error) {
    fail<DataError>("{}: {}", where, error.what());
  }
  return a;
}

}  // namespace longclip
