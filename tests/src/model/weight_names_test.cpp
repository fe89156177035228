// tests/src/model/weight_names_test.cpp -- model/weight_names.h
#include "model/weight_names.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "base/error.h"
#include "model/foreign_names.h"
#include "support/catch.h"

namespace longclip {
namespace {

/// Heads and MLP width that no rule of thumb gives.
const Architecture kOdd{.image_size = 12,
                        .patch_size = 4,
                        .vision = {6, 2, 3, 10},
                        .text = {8, 3, 2, 12},
                        .context_length = 30,
                        .vocabulary_size = 16,
                        .eos_id = 15,
                        .embed_dim = 5};

TensorMap random_weights(const Architecture& architecture) {
  TensorMap tensors;
  for (const auto& [name, shape] : weight_shapes(architecture)) tensors[name] = at::randn(shape);
  return tensors;
}

TensorMap with_prefix(const TensorMap& tensors, const std::string& prefix) {
  TensorMap renamed;
  for (const auto& [name, tensor] : tensors) renamed[prefix + name] = tensor;
  return renamed;
}

bool same(const TensorMap& a, const TensorMap& b) {
  return a.size() == b.size() && std::all_of(a.begin(), a.end(), [&](const auto& item) {
           const auto found = b.find(item.first);
           return found != b.end() && at::equal(item.second, found->second);
         });
}

/// What a reader takes out of a file with these tensors.
TensorMap found_in(const TensorMap& tensors, std::vector<std::string>& notes) {
  const FoundWeights found = find_weights(tensors, "", false, "f.pt");
  notes = found.notes;
  return take_found(tensors, found);
}

}  // namespace

TEST_CASE("WeightNames: OpenAI names to Hugging Face's and back is the identity", "[model][unit]") {
  const TensorMap openai = random_weights(kOdd);
  const TensorMap huggingface = to_huggingface_names(openai);
  REQUIRE(huggingface.size() == openai.size() + 4 * 5);  // q, k, v for one, weight and bias, five blocks
  REQUIRE(huggingface.at("text_projection.weight").sizes() == at::IntArrayRef({5, 8}));
  const at::Tensor& joined = openai.at("transformer.resblocks.1.attn.in_proj_weight");
  REQUIRE(at::equal(huggingface.at("text_model.encoder.layers.1.self_attn.k_proj.weight"), joined.slice(0, 8, 16)));
  REQUIRE(same(to_openai_names(huggingface, false, "x"), openai));
}

TEST_CASE("WeightNames: missing and unknown Hugging Face names are all listed", "[model][unit]") {
  TensorMap huggingface = to_huggingface_names(random_weights(kOdd));
  huggingface.erase("visual_projection.weight");
  huggingface.erase("text_model.encoder.layers.0.self_attn.v_proj.bias");
  huggingface["text_model.adapter"] = at::zeros({1});
  for (const char* problem :
       {"missing: visual_projection.weight", "missing: text_model.encoder.layers.0.self_attn.v_proj.bias",
        "not known: text_model.adapter"}) {
    REQUIRE_THROWS_WITH(to_openai_names(huggingface, false, "x"), ContainsSubstring(problem));
  }
}

TEST_CASE("WeightNames: wrappers and prefixes are removed in any nesting, buffers and other entries dropped",
          "[model][unit]") {
  const TensorMap wanted = random_weights(kOdd);
  const auto check = [&](const std::string& prefix, const std::string& entry) {
    CAPTURE(prefix);
    TensorMap wrapped = with_prefix(wanted, prefix);
    wrapped[prefix + "logit_scale"] = wanted.at("logit_scale").reshape({1});
    for (const char* buffer : {"input_resolution", "context_length", "vocab_size", "text_model.embeddings.position_ids",
                               "attn_mask", "mask1"}) {
      wrapped[prefix + buffer] = at::zeros({3}, at::kLong);
    }
    std::vector<std::string> expected;
    if (!entry.empty()) {
      wrapped["optimizer.state.0.exp_avg"] = at::zeros({2});
      expected = {"weights taken from entry '" + entry + "'", "tensors of entry 'optimizer' left out"};
    }
    std::vector<std::string> notes;
    REQUIRE(same(found_in(wrapped, notes), wanted));
    REQUIRE(notes == expected);
  };
  for (const char* prefix : {"", "module.", "_orig_mod.module.", "module._orig_mod."}) check(prefix, "");
  check("state_dict.module._orig_mod.", "state_dict");
  check("model.", "model");
  check("_orig_mod.checkpoint.model.module.", "checkpoint.model");
}

TEST_CASE("WeightNames: a wrapper on a part of the model is removed too, and doubled model names", "[model][unit]") {
  const TensorMap wanted = random_weights(kOdd);
  TensorMap wrapped;
  for (const auto& [name, tensor] : wanted)
    wrapped[name.starts_with("visual.") ? "visual._orig_mod." + name.substr(7) : name] = tensor;
  std::vector<std::string> notes;
  REQUIRE(same(found_in(wrapped, notes), wanted));
  TensorMap nested;
  for (const auto& [name, tensor] : to_huggingface_names(wanted)) {
    nested[name.starts_with("text_model.") ? "text_model." + name : name] = tensor;
  }
  REQUIRE(same(to_openai_names(found_in(nested, notes), false, "x"), wanted));
}

TEST_CASE("WeightNames: no CLIP, two CLIPs, and a ResNet CLIP are refused with the reason", "[model][unit]") {
  std::vector<std::string> notes;
  REQUIRE_THROWS_WITH(found_in({{"encoder.weight", at::zeros({1})}}, notes),
                      ContainsSubstring("f.pt: holds no CLIP"));
  REQUIRE_THROWS_WITH(found_in({{"visual.layer1.0.conv1.weight", at::zeros({1})}}, notes),
                      ContainsSubstring("ResNet"));
  TensorMap two = with_prefix(random_weights(kOdd), "model.");
  two.merge(with_prefix(random_weights(kOdd), "model_ema."));
  REQUIRE_THROWS_WITH(found_in(two, notes), ContainsSubstring("more than one CLIP"));
}

TEST_CASE("WeightNames: upstream's two tables fold into frozen and trained rows", "[model][unit]") {
  TensorMap tensors{{"positional_embedding", at::zeros({248, 4})},
                    {"positional_embedding_res", at::full({248, 4}, 1.0)}};
  REQUIRE(fold_two_tables(tensors, "x"));
  REQUIRE(!tensors.contains("positional_embedding_res"));
  const at::Tensor& table = tensors.at("positional_embedding");
  REQUIRE(at::equal(table.slice(0, 0, 20), at::zeros({20, 4})));
  REQUIRE(at::equal(table.slice(0, 20), at::full({228, 4}, 1.0)));
  REQUIRE(!fold_two_tables(tensors, "x"));
  tensors["positional_embedding_res"] = at::zeros({77, 4});
  REQUIRE_THROWS_AS(fold_two_tables(tensors, "x"), DataError);
}

}  // namespace longclip
