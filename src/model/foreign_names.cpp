// model/foreign_names.cpp -- see model/foreign_names.h
#include "model/foreign_names.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "model/weight_names.h"

namespace longclip {
namespace {

using Names = std::map<std::string, std::string>;  // without wrappers -> in the file

/// Tensors that tell where a model lies. What ends with a later one and an earlier one is the earlier one.
constexpr std::array<std::string_view, 5> kAnchors{
    "visual.class_embedding", "vision_model.embeddings.class_embedding", "text_model.embeddings.token_embedding.weight",
    "embeddings.token_embedding.weight",  // CLIPTextModel as transformers 5 saves it
    "token_embedding.weight"};

/// Parts of names that only models have which this program does not run.
constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kRefused{
    {{"visual.layer1.", "a CLIP with a ResNet image tower; only vision transformers are supported"},
     {"visual.trunk.", "a CLIP with an image tower of timm; only CLIP's own vision transformer is supported"},
     {"text_decoder.", "a CoCa; only CLIP's two towers are supported"},
     {"visual.attn_pool.", "a CLIP whose image tower pools by attention (CoCa); only CLIP's class token is supported"},
     {"text.transformer.embeddings.", "a CLIP with a text tower of Hugging Face (BERT); only CLIP's own is supported"},
     {"text.transformer.encoder.", "a CLIP with a text tower of Hugging Face; only CLIP's own is supported"},
     {"vision_model.head.", "a SigLIP; only CLIP is supported"},
     {"text_model.head.", "a SigLIP; only CLIP is supported"},
     {"logit_bias", "a model with SigLIP's loss (logit_bias); only CLIP is supported"}}};

/// True if `part` ends `name` and begins at one of its segments.
bool ends_with_segments(std::string_view name, std::string_view part) {
  return name.ends_with(part) && (name.size() == part.size() || name[name.size() - part.size() - 1] == '.');
}

/// Removes the segments that wrappers for several processes or for compilation add, and doubled model names.
std::string without_wrappers(const std::string& name) {
  static constexpr std::array<std::string_view, 4> kWrappers{"module", "_orig_mod", "_fsdp_wrapped_module",
                                                             "_checkpoint_wrapped_module"};
  std::string result;
  std::string_view previous;
  for (size_t start = 0; start <= name.size();) {
    const size_t end = std::min(name.find('.', start), name.size());
    const std::string_view segment = std::string_view(name).substr(start, end - start);
    const bool doubled = segment == previous && (segment == "text_model" || segment == "vision_model");
    if (!doubled && std::find(kWrappers.begin(), kWrappers.end(), segment) == kWrappers.end()) {
      result.append(result.empty() ? "" : ".").append(segment);
      previous = segment;
    }
    start = end + 1;
  }
  return result;
}

/// Not weights: sizes in OpenAI's archive, position numbers in old Hugging Face files, masks.
bool is_buffer(std::string_view name) {
  static constexpr std::array<std::string_view, 8> kBuffers{
      "input_resolution", "context_length", "vocab_size", "attn_mask", "mask", "mask1", "mask2", "position_ids"};
  const size_t dot = name.rfind('.');
  const std::string_view last = dot == std::string_view::npos ? name : name.substr(dot + 1);
  return std::find(kBuffers.begin(), kBuffers.end(), last) != kBuffers.end();
}

bool has_name_under(const Names& names, const std::string& prefix) {
  const auto first = names.lower_bound(prefix);
  return first != names.end() && first->first.starts_with(prefix);
}

bool has_image_tower(const Names& names, const std::string& prefix) {
  return has_name_under(names, prefix + "visual.") || has_name_under(names, prefix + "vision_model.");
}

/// OpenCLIP's CustomTextCLIP keeps the text tower under `text.` beside `visual.`.
bool is_custom_text(const Names& names, const std::string& prefix) {
  return has_name_under(names, prefix + "text.") && has_name_under(names, prefix + "visual.");
}

void refuse_other_models(const Names& names, const std::string& prefix, const std::string& where) {
  for (const auto& [part, what] : kRefused) {
    const bool found = std::any_of(names.begin(), names.end(), [&, part = part](const auto& item) {
      const size_t at = item.first.find(part);
      return item.first.starts_with(prefix) && at != std::string::npos && (at == 0 || item.first[at - 1] == '.');
    });
    require<DataError>(!found, "{}: {}", where, what);
  }
}

/// What stands before each model: "", "state_dict.", ...
std::set<std::string> find_prefixes(const Names& names) {
  std::set<std::string> prefixes;
  for (const auto& [name, original] : names) {
    const auto* anchor = std::find_if(kAnchors.begin(), kAnchors.end(), [&, &name = name](std::string_view part) {
      return ends_with_segments(name, part);
    });
    if (anchor == kAnchors.end()) continue;
    std::string prefix = name.substr(0, name.size() - anchor->size());
    if (ends_with_segments(prefix, "text.")) {
      const std::string outer = prefix.substr(0, prefix.size() - 5);
      if (is_custom_text(names, outer)) prefix = outer;
    }
    prefixes.insert(std::move(prefix));
  }
  return prefixes;
}

std::string without_dot(const std::string& prefix) {
  return prefix.substr(0, prefix.size() - (prefix.empty() ? 0 : 1));
}

/// The one prefix that is wanted, or an error that says what to choose from.
std::string choose(const Names& names, const std::string& entry, const std::string& where) {
  const std::set<std::string> all = find_prefixes(names);
  std::vector<std::string> clips, wanted, texts;
  for (const std::string& prefix : all) {
    if (!entry.empty() && ("." + prefix).find("." + entry + ".") == std::string::npos) continue;
    wanted.push_back(without_dot(prefix));
    if (has_image_tower(names, prefix))
      clips.push_back(prefix);
    else
      texts.push_back(prefix);
  }
  require<DataError>(entry.empty() || !wanted.empty(), "{}: has no CLIP and no text encoder in entry '{}'", where,
                     entry);
  if (all.empty()) {
    refuse_other_models(names, "", where);
    fail<DataError>("{}: holds no CLIP: no name ends with '{}' or '{}' among its {} tensors (first: {})", where,
                    kAnchors[0], kAnchors[4], names.size(), names.empty() ? "none" : "'" + names.begin()->first + "'");
  }
  require<DataError>(clips.size() <= 1, "{}: holds more than one CLIP; choose with --entry:{}", where,
                     list_text(wanted));
  if (clips.size() == 1) return clips.front();
  require<DataError>(texts.size() == 1, "{}: holds more than one text encoder; choose with --entry:{}", where,
                     list_text(wanted));
  return texts.front();
}

/// The plain name of a tensor of the model at a prefix; empty for what is no part of it.
class PlainNames {
 public:
  PlainNames(const Names& names, std::string prefix, bool text_only)
      : prefix_(std::move(prefix)),
        text_only_(text_only),
        custom_text_(is_custom_text(names, prefix_)),
        flat_(names.contains(prefix_ + "embeddings.token_embedding.weight")),
        nested_(names.contains(prefix_ + "text_model.embeddings.token_embedding.weight")) {
    constexpr std::string_view kTower =
        "transformer.";  // Stable Diffusion and ComfyUI: the projection stands beside it
    if ((flat_ || nested_) && ends_with_segments(prefix_, kTower))
      outer_ = prefix_.substr(0, prefix_.size() - kTower.size());
  }

  std::string of(const std::string& name) const {
    if (!name.starts_with(prefix_))
      return outer_ && name.starts_with(*outer_ + "text_projection") ? name.substr(outer_->size()) : "";
    std::string rest = name.substr(prefix_.size());
    if (custom_text_ && rest.starts_with("text.")) rest = rest.substr(5);
    if (flat_ &&
        (rest.starts_with("embeddings.") || rest.starts_with("encoder.") || rest.starts_with("final_layer_norm.")))
      rest.insert(0, "text_model.");
    const bool other = rest == "logit_scale" || rest.starts_with("visual.") || rest.starts_with("vision_model.") ||
                       rest.starts_with("visual_projection.");
    const bool text_of_huggingface = rest.starts_with("text_model.") || rest.starts_with("text_projection");
    if (text_only_ && (other || ((flat_ || nested_) && !text_of_huggingface))) return "";
    return rest;
  }

 private:
  std::string prefix_;
  std::optional<std::string> outer_;
  bool text_only_, custom_text_, flat_, nested_;
};

}  // namespace

FoundWeights find_weights(const TensorMap& tensors, const std::string& entry, bool text_only,
                          const std::string& where) {
  Names names;
  for (const auto& [name, tensor] : tensors) {
    const std::string plain = without_wrappers(name);
    require<DataError>(names.emplace(plain, name).second,
                       "{}: two tensors are called '{}' once 'module.' and '_orig_mod.' are removed", where, plain);
  }
  const std::string prefix = choose(names, entry, where);
  refuse_other_models(names, prefix, where);
  FoundWeights found{.names = {}, .text_only = text_only || !has_image_tower(names, prefix)};
  if (!prefix.empty()) found.notes.push_back("weights taken from entry '" + without_dot(prefix) + "'");
  const PlainNames plain_names(names, prefix, found.text_only);
  std::set<std::string> left_out;
  for (const auto& [name, original] : names) {
    const std::string plain = plain_names.of(name);
    if (plain.empty())
      left_out.insert(name.substr(0, name.find('.')));
    else if (!is_buffer(name))
      found.names.emplace(original, plain);
  }
  for (const std::string& left : left_out) {
    const char* which = prefix.starts_with(left + ".") ? "other tensors" : "tensors";
    found.notes.push_back(fmt::format("{} of entry '{}' left out", which, left));
  }
  return found;
}

TensorMap take_found(TensorMap tensors, const FoundWeights& found) {
  TensorMap weights;
  for (const auto& [original, plain] : found.names) weights.emplace(plain, tensors.extract(original).mapped());
  if (const auto scale = weights.find("logit_scale"); scale != weights.end() && scale->second.numel() == 1) {
    scale->second = scale->second.reshape({});
  }
  return weights;
}

}  // namespace longclip
