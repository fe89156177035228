// model/weight_names.cpp -- the two name tables and the tensors that differ between them.
#include "model/weight_names.h"

#include <ATen/ops/cat.h>

#include <algorithm>
#include <array>
#include <charconv>
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

using Shapes = std::map<std::string, std::vector<int64_t>>;

void add_norm(Shapes& shapes, const std::string& name, int64_t width) {
  shapes[name + ".weight"] = shapes[name + ".bias"] = {width};
}

void add_linear(Shapes& shapes, const std::string& name, int64_t out, int64_t in) {
  shapes[name + ".weight"] = {out, in};
  shapes[name + ".bias"] = {out};
}

void add_blocks(Shapes& shapes, std::string_view prefix, const TowerSize& tower) {
  for (int64_t i = 0; i < tower.layers; ++i) {
    const std::string block = std::string(prefix) + std::to_string(i) + ".";
    add_norm(shapes, block + "ln_1", tower.width);
    add_norm(shapes, block + "ln_2", tower.width);
    shapes[block + "attn.in_proj_weight"] = {3 * tower.width, tower.width};
    shapes[block + "attn.in_proj_bias"] = {3 * tower.width};
    add_linear(shapes, block + "attn.out_proj", tower.width, tower.width);
    add_linear(shapes, block + "mlp.c_fc", tower.mlp_width, tower.width);
    add_linear(shapes, block + "mlp.c_proj", tower.width, tower.mlp_width);
  }
}

Shapes under_huggingface_names(const Shapes& openai, const LayerCounts& layers, bool plain_projection) {
  Shapes shapes;
  for (const WeightName& name : weight_names(layers)) {
    const auto found = openai.find(name.openai);
    if (found == openai.end()) continue;  // a text encoder without projection
    std::vector<int64_t> shape = found->second;
    if (plain_projection && name.openai == "text_projection") {
      shapes[name.openai] = std::move(shape);
      continue;
    }
    if (name.transposed) std::ranges::reverse(shape);
    if (name.huggingface.size() > 1) shape[0] /= std::ssize(name.huggingface);
    for (const std::string& part : name.huggingface) shapes[part] = shape;
  }
  return shapes;
}

}  // namespace

std::string list_text(const std::vector<std::string>& items) {
  constexpr size_t kMost = 100;
  std::string text;
  for (size_t i = 0; i < std::min(items.size(), kMost); ++i) text += "\n  " + items[i];
  if (items.size() > kMost) text += "\n  and " + std::to_string(items.size() - kMost) + " more";
  return text;
}

std::vector<WeightName> weight_names(const LayerCounts& layers) {
  std::vector<WeightName> names;
  for (const auto& [openai, huggingface] : kOutsideBlocks) {
    if (layers.vision == 0 && (openai.starts_with("visual.") || openai == "logit_scale")) continue;
    if (!is_layer_norm(openai)) {
      names.push_back(
          {std::string(openai), {std::string(huggingface)}, openai == "text_projection" || openai == "visual.proj"});
      continue;
    }
    for (const std::string kind : {".weight", ".bias"})
      names.push_back({std::string(openai) + kind, {std::string(huggingface) + kind}, false});
  }
  for (int64_t i = 0; i < layers.vision; ++i) add_block(names, kVisionBlocks, kHfVisionBlocks, i);
  for (int64_t i = 0; i < layers.text; ++i) add_block(names, kTextBlocks, kHfTextBlocks, i);
  return names;
}

std::map<std::string, std::vector<int64_t>> weight_shapes(const TextArchitecture& a) {
  Shapes shapes{{"token_embedding.weight", {a.vocabulary_size, a.tower.width}},
                {"positional_embedding", {a.context_length, a.tower.width}}};
  if (a.embed_dim) shapes["text_projection"] = {a.tower.width, *a.embed_dim};
  add_norm(shapes, "ln_final", a.tower.width);
  add_blocks(shapes, kTextBlocks, a.tower);
  return shapes;
}

std::map<std::string, std::vector<int64_t>> weight_shapes(const Architecture& a) {
  Shapes shapes = weight_shapes(text_half(a));
  shapes["logit_scale"] = {};
  shapes["visual.class_embedding"] = {a.vision.width};
  shapes["visual.conv1.weight"] = {a.vision.width, 3, a.patch_size, a.patch_size};
  shapes["visual.positional_embedding"] = {a.image_tokens(), a.vision.width};
  shapes["visual.proj"] = {a.vision.width, a.embed_dim};
  add_norm(shapes, "visual.ln_pre", a.vision.width);
  add_norm(shapes, "visual.ln_post", a.vision.width);
  add_blocks(shapes, kVisionBlocks, a.vision);
  return shapes;
}

Shapes huggingface_shapes(const Architecture& a, bool plain_projection) {
  return under_huggingface_names(weight_shapes(a), {a.vision.layers, a.text.layers}, plain_projection);
}

Shapes huggingface_shapes(const TextArchitecture& a, bool plain_projection) {
  return under_huggingface_names(weight_shapes(a), {0, a.tower.layers}, plain_projection);
}

LayerCounts count_layers(const TensorMap& tensors) {
  LayerCounts counts;
  for (const auto& [name, tensor] : tensors) {
    counts.vision = std::max({counts.vision, layer_of(name, kVisionBlocks) + 1, layer_of(name, kHfVisionBlocks) + 1});
    counts.text = std::max({counts.text, layer_of(name, kTextBlocks) + 1, layer_of(name, kHfTextBlocks) + 1});
  }
  constexpr int64_t kTooMany = 1001;  // of a tower, for any Architecture
  const auto most = std::min(std::ssize(tensors), kTooMany);  // a name may hold any number
  return {std::min(counts.vision, most), std::min(counts.text, most)};
}

bool has_huggingface_names(const TensorMap& tensors) {
  return tensors.contains("vision_model.embeddings.class_embedding") ||
         tensors.contains("text_model.embeddings.token_embedding.weight");
}

TensorMap to_openai_names(TensorMap huggingface, bool text_only, const std::string& where) {
  std::vector<std::string> problems;
  TensorMap openai = to_openai_names(std::move(huggingface), text_only, problems);
  require<DataError>(problems.empty(), "{}: these weights are no CLIP model as Hugging Face names it:{}", where,
                     list_text(problems));
  return openai;
}

TensorMap to_openai_names(TensorMap huggingface, bool text_only, std::vector<std::string>& problems) {
  LayerCounts layers = count_layers(huggingface);
  layers.vision = text_only ? 0 : std::max<int64_t>(layers.vision, 1);
  TensorMap openai;
  // Text encoders of older programs have OpenAI's projection, x @ W, beside Hugging Face's names.
  if (const auto projection = huggingface.find("text_projection"); projection != huggingface.end())
    openai.insert(huggingface.extract(projection));
  for (const WeightName& name : weight_names(layers)) {
    std::vector<at::Tensor> parts;
    const bool optional = name.openai == "text_projection" && (text_only || openai.contains(name.openai));
    if (optional && !huggingface.contains(name.huggingface[0])) continue;
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
                          (parts.size() == 1 || (parts[0].dim() > 0 && parts[0].numel() > 0)) &&
                          (!name.transposed || parts[0].dim() == 2);
    if (!joinable)
      problems.push_back("misshapen: " + name.huggingface[0] + " " + shape_text(parts[0].sizes()));
    else
      openai[name.openai] = parts.size() > 1 ? at::cat(parts) : name.transposed ? parts[0].t().contiguous() : parts[0];
  }
  for (const auto& [name, tensor] : huggingface) problems.push_back("not known: " + name);
  return openai;
}

TensorMap to_huggingface_names(const TensorMap& openai) {
  TensorMap huggingface;
  for (const WeightName& name : weight_names(count_layers(openai))) {
    if (name.openai == "text_projection" && !openai.contains(name.openai)) continue;  // a text encoder without it
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
