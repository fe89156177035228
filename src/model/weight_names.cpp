// model/weight_names.cpp -- the two name tables, and what is removed before they apply.
#include "model/weight_names.h"

#include <ATen/ops/cat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "tensors/shape.h"

namespace longclip {
namespace {

using NamePair = std::pair<std::string_view, std::string_view>;  // OpenAI, Hugging Face

constexpr std::array<NamePair, 11> kOutsideBlocks{
    {{"logit_scale", "logit_scale"},
     {"token_embedding.weight", "text_model.embeddings.token_embedding.weight"},
     {"positional_embedding", "text_model.embeddings.position_embedding.weight"},
     {"ln_final", "text_model.final_layer_norm"},
     {"text_projection", "text_projection.weight"},
     {"visual.class_embedding", "vision_model.embeddings.class_embedding"},
     {"visual.conv1.weight", "vision_model.embeddings.patch_embedding.weight"},
     {"visual.positional_embedding", "vision_model.embeddings.position_embedding.weight"},
     {"visual.ln_pre", "vision_model.pre_layrnorm"},  // sic
     {"visual.ln_post", "vision_model.post_layernorm"},
     {"visual.proj", "visual_projection.weight"}}};

constexpr std::array<NamePair, 5> kInBlock{{{"ln_1", "layer_norm1"},
                                            {"attn.out_proj", "self_attn.out_proj"},
                                            {"ln_2", "layer_norm2"},
                                            {"mlp.c_fc", "mlp.fc1"},
                                            {"mlp.c_proj", "mlp.fc2"}}};

constexpr std::string_view kVisionBlocks = "visual.transformer.resblocks.";
constexpr std::string_view kTextBlocks = "transformer.resblocks.";
constexpr std::string_view kHfVisionBlocks = "vision_model.encoder.layers.";
constexpr std::string_view kHfTextBlocks = "text_model.encoder.layers.";

/// The tensor that tells where the weights of a CLIP lie, in each naming.
constexpr std::array<std::string_view, 2> kAnchors{"visual.class_embedding", "vision_model.embeddings.class_embedding"};

bool is_layer_norm(std::string_view openai) {
  return openai.find(".ln_") != std::string_view::npos || openai.starts_with("ln_");
}

void add_block(std::vector<WeightName>& names, std::string_view openai, std::string_view huggingface, int64_t layer) {
  const std::string ours = std::string(openai) + std::to_string(layer) + ".";
  const std::string theirs = std::string(huggingface) + std::to_string(layer) + ".";
  for (const std::string kind : {"weight", "bias"}) {
    std::vector<std::string> parts;
    for (const char* part : {"q_proj.", "k_proj.", "v_proj."}) parts.push_back(theirs + "self_attn." + part + kind);
    names.push_back({ours + "attn.in_proj_" + kind, std::move(parts), false});
    for (const auto& [a, b] : kInBlock)
      names.push_back({ours + std::string(a) + "." + kind, {theirs + std::string(b) + "." + kind}, false});
  }
}

/// The number after `prefix` in "PREFIX12.rest", or nothing.
int64_t layer_of(std::string_view name, std::string_view prefix) {
  int64_t layer = -1;
  if (name.starts_with(prefix)) std::from_chars(name.data() + prefix.size(), name.data() + name.size(), layer);
  return layer;
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

/// What stands before the anchor tensor: "", "state_dict.", ...
std::string find_prefix(const TensorMap& tensors, const std::string& where) {
  std::vector<std::string> prefixes;
  for (const auto& [name, tensor] : tensors) {
    for (const std::string_view anchor : kAnchors) {
      const bool found =
          name.ends_with(anchor) && (name.size() == anchor.size() || name[name.size() - anchor.size() - 1] == '.');
      if (found) prefixes.push_back(name.substr(0, name.size() - anchor.size()));
    }
  }
  if (prefixes.empty()) {
    const bool resnet = std::any_of(tensors.begin(), tensors.end(), [](const auto& item) {
      return item.first.find("visual.layer1.") != std::string::npos;
    });
    require<DataError>(!resnet, "{}: a CLIP with a ResNet image tower; only vision transformers are supported", where);
    fail<DataError>("{}: holds no CLIP: neither '{}' nor '{}' is among its {} tensors (first: {})", where, kAnchors[0],
                    kAnchors[1], tensors.size(), tensors.empty() ? "none" : "'" + tensors.begin()->first + "'");
  }
  require<DataError>(prefixes.size() == 1, "{}: holds more than one CLIP; save the wanted one alone:{}", where,
                     list_text(prefixes));
  return prefixes.front();
}

}  // namespace

std::string list_text(const std::vector<std::string>& items) {
  constexpr size_t kMost = 100;
  std::string text;
  for (size_t i = 0; i < std::min(items.size(), kMost); ++i) text += "\n  " + items[i];
  if (items.size() > kMost) text += "\n  and " + std::to_string(items.size() - kMost) + " more";
  return text;
}

std::vector<WeightName> weight_names(int64_t vision_layers, int64_t text_layers) {
  std::vector<WeightName> names;
  for (const auto& [openai, huggingface] : kOutsideBlocks) {
    if (!is_layer_norm(openai)) {
      names.push_back(
          {std::string(openai), {std::string(huggingface)}, openai == "text_projection" || openai == "visual.proj"});
      continue;
    }
    for (const std::string kind : {".weight", ".bias"})
      names.push_back({std::string(openai) + kind, {std::string(huggingface) + kind}, false});
  }
  for (int64_t i = 0; i < vision_layers; ++i) add_block(names, kVisionBlocks, kHfVisionBlocks, i);
  for (int64_t i = 0; i < text_layers; ++i) add_block(names, kTextBlocks, kHfTextBlocks, i);
  return names;
}

std::map<std::string, std::vector<int64_t>> weight_shapes(const Architecture& a) {
  std::map<std::string, std::vector<int64_t>> shapes{
      {"logit_scale", {}},
      {"token_embedding.weight", {a.vocabulary_size, a.text.width}},
      {"positional_embedding", {a.context_length, a.text.width}},
      {"text_projection", {a.text.width, a.embed_dim}},
      {"visual.class_embedding", {a.vision.width}},
      {"visual.conv1.weight", {a.vision.width, 3, a.patch_size, a.patch_size}},
      {"visual.positional_embedding", {a.image_tokens(), a.vision.width}},
      {"visual.proj", {a.vision.width, a.embed_dim}}};
  const auto add_norm = [&](const std::string& name, int64_t width) {
    shapes[name + ".weight"] = shapes[name + ".bias"] = {width};
  };
  const auto add_linear = [&](const std::string& name, int64_t out, int64_t in) {
    shapes[name + ".weight"] = {out, in};
    shapes[name + ".bias"] = {out};
  };
  const auto add_blocks = [&](std::string_view prefix, const TowerSize& tower) {
    for (int64_t i = 0; i < tower.layers; ++i) {
      const std::string block = std::string(prefix) + std::to_string(i) + ".";
      add_norm(block + "ln_1", tower.width);
      add_norm(block + "ln_2", tower.width);
      shapes[block + "attn.in_proj_weight"] = {3 * tower.width, tower.width};
      shapes[block + "attn.in_proj_bias"] = {3 * tower.width};
      add_linear(block + "attn.out_proj", tower.width, tower.width);
      add_linear(block + "mlp.c_fc", tower.mlp_width, tower.width);
      add_linear(block + "mlp.c_proj", tower.width, tower.mlp_width);
    }
  };
  add_norm("ln_final", a.text.width);
  add_norm("visual.ln_pre", a.vision.width);
  add_norm("visual.ln_post", a.vision.width);
  add_blocks(kVisionBlocks, a.vision);
  add_blocks(kTextBlocks, a.text);
  return shapes;
}

LayerCounts count_layers(const TensorMap& tensors) {
  LayerCounts counts;
  for (const auto& [name, tensor] : tensors) {
    counts.vision = std::max({counts.vision, layer_of(name, kVisionBlocks) + 1, layer_of(name, kHfVisionBlocks) + 1});
    counts.text = std::max({counts.text, layer_of(name, kTextBlocks) + 1, layer_of(name, kHfTextBlocks) + 1});
  }
  const auto most = static_cast<int64_t>(tensors.size());  // a name may hold any number
  return {std::min(counts.vision, most), std::min(counts.text, most)};
}

bool has_huggingface_names(const TensorMap& tensors) { return tensors.contains(std::string(kAnchors[1])); }

TensorMap find_clip_weights(TensorMap tensors, const std::string& where, std::vector<std::string>& notes) {
  TensorMap unwrapped;
  for (auto& [name, tensor] : tensors) {
    const std::string plain = without_wrappers(name);
    require<DataError>(unwrapped.emplace(plain, std::move(tensor)).second,
                       "{}: two tensors are called '{}' once 'module.' and '_orig_mod.' are removed", where, plain);
  }
  const std::string prefix = find_prefix(unwrapped, where);
  if (!prefix.empty()) notes.push_back("weights taken from entry '" + prefix.substr(0, prefix.size() - 1) + "'");
  TensorMap weights;
  std::set<std::string> left_out;
  for (auto& [name, tensor] : unwrapped) {
    if (!name.starts_with(prefix))
      left_out.insert(name.substr(0, name.find('.')));
    else if (!is_buffer(name))
      weights.emplace(name.substr(prefix.size()), std::move(tensor));
  }
  for (const std::string& entry : left_out) notes.push_back("tensors of entry '" + entry + "' left out");
  if (const auto scale = weights.find("logit_scale"); scale != weights.end() && scale->second.numel() == 1) {
    scale->second = scale->second.reshape({});
  }
  return weights;
}

TensorMap to_openai_names(TensorMap huggingface, const std::string& where) {
  const LayerCounts layers = count_layers(huggingface);
  TensorMap openai;
  std::vector<std::string> problems;
  for (const WeightName& name : weight_names(layers.vision, layers.text)) {
    std::vector<at::Tensor> parts;
    for (const std::string& part : name.huggingface) {
      const auto found = huggingface.find(part);
      if (found == huggingface.end())
        problems.push_back("missing: " + part);
      else
        parts.push_back(huggingface.extract(found).mapped());
    }
    if (parts.size() != name.huggingface.size()) continue;
    const bool joinable = std::all_of(parts.begin(), parts.end(),
                                      [&](const at::Tensor& part) { return part.sizes() == parts[0].sizes(); }) &&
                          (parts.size() == 1 || parts[0].dim() > 0) && (!name.transposed || parts[0].dim() == 2);
    if (!joinable)
      problems.push_back("misshapen: " + name.huggingface[0] + " " + shape_text(parts[0].sizes()));
    else
      openai[name.openai] = parts.size() > 1 ? at::cat(parts) : name.transposed ? parts[0].t().contiguous() : parts[0];
  }
  for (const auto& [name, tensor] : huggingface) problems.push_back("not known: " + name);
  require<DataError>(problems.empty(), "{}: these weights are no CLIP model as Hugging Face names it:{}", where,
                     list_text(problems));
  return openai;
}

TensorMap to_huggingface_names(const TensorMap& openai) {
  const LayerCounts layers = count_layers(openai);
  TensorMap huggingface;
  for (const WeightName& name : weight_names(layers.vision, layers.text)) {
    const at::Tensor& tensor = openai.at(name.openai);
    const auto num_parts = static_cast<int64_t>(name.huggingface.size());
    const std::vector<at::Tensor> parts =
        num_parts > 1 ? tensor.chunk(num_parts) : std::vector<at::Tensor>{name.transposed ? tensor.t() : tensor};
    for (size_t i = 0; i < parts.size(); ++i) huggingface[name.huggingface[i]] = parts[i];
  }
  return huggingface;
}

bool fold_two_tables(TensorMap& openai, const std::string& where) {
  constexpr int64_t kUpstreamKeep = 20;
  const auto trained = openai.find("positional_embedding_res");
  if (trained == openai.end()) return false;
  const auto frozen = openai.find("positional_embedding");
  const bool fits = frozen != openai.end() && frozen->second.dim() == 2 &&
                    frozen->second.sizes() == trained->second.sizes() && frozen->second.size(0) > kUpstreamKeep;
  require<DataError>(fits,
                     "{}: positional_embedding and positional_embedding_res must have one shape of more than {} rows",
                     where, kUpstreamKeep);
  frozen->second = at::cat({frozen->second.slice(0, 0, kUpstreamKeep), trained->second.slice(0, kUpstreamKeep)});
  openai.erase(trained);
  return true;
}

}  // namespace longclip
