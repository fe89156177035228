// tests/src/model/open_clip_test.cpp -- checkpoints of OpenCLIP: its names, its config, and what is assumed without one.
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>

#include <array>

#include "base/error.h"
#include "model/clip_file.h"
#include "model/foreign_names.h"
#include "model/hf_config.h"
#include "model/open_clip_config.h"
#include "model/weight_names.h"
#include "support/reference_data.h"
#include "tensors/pt_file.h"
#include "tensors/safetensors.h"
#include "support/catch.h"

namespace longclip {
namespace {

/// Heads and MLP as in ViT-bigG: neither width / 64 nor 4 x width.
const Architecture kOdd{.image_size = 16,
                        .patch_size = 8,
                        .vision = {40, 2, 2, 196},
                        .text = {48, 2, 4, 192},
                        .context_length = 30,
                        .vocabulary_size = 40,
                        .eos_id = 39,
                        .embed_dim = 24,
                        .activation = Activation::kGelu};

Json config_of_odd() {
  return {{"model_cfg",
           {{"embed_dim", 24},
            {"vision_cfg",
             {{"image_size", 16},
              {"layers", 2},
              {"width", 40},
              {"head_width", 20},
              {"patch_size", 8},
              {"mlp_ratio", 4.9231}}},
            {"text_cfg", {{"context_length", 30}, {"vocab_size", 40}, {"width", 48}, {"heads", 4}, {"layers", 2}}}}},
          {"preprocess_cfg",
           {{"mean", {0.48145466, 0.4578275, 0.40821073}}, {"std", {0.26862954, 0.26130258, 0.27577711}}}}};
}

TensorMap random_weights(const Architecture& architecture) {
  TensorMap tensors;
  for (const auto& [name, shape] : weight_shapes(architecture)) tensors[name] = at::randn(shape);
  return tensors;
}

/// As CustomTextCLIP names them: the text tower under `text.`.
TensorMap custom_text_names(const TensorMap& openai) {
  TensorMap tensors;
  for (const auto& [name, tensor] : openai) {
    const bool outside = name.starts_with("visual.") || name == "logit_scale";
    tensors[outside ? name : "text." + name] = tensor;
  }
  return tensors;
}

void require_same(const ClipWeights& clip, const TensorMap& wanted) {
  REQUIRE(clip.tensors.size() == wanted.size());
  for (const auto& [name, tensor] : wanted) {
    CAPTURE(name);
    REQUIRE(at::equal(clip.tensors.at(name), tensor));
  }
}

TensorMap without_data(const Architecture& architecture) {
  TensorMap tensors;
  for (const auto& [name, shape] : weight_shapes(architecture))
    tensors[name] = at::empty(shape, at::TensorOptions(at::kFloat).device(at::kMeta));
  return tensors;
}

}  // namespace

TEST_CASE("OpenClip: a folder's config states heads, MLP and GELU, for both layouts of names and all files",
          "[model][unit]") {
  const TensorMap openai = random_weights(kOdd);
  for (const TensorMap& names : {openai, custom_text_names(openai)}) {
    for (const char* file : {"open_clip_model.safetensors", "open_clip_pytorch_model.bin"}) {
      CAPTURE(file);
      const test::TemporaryFolder folder;
      test::write_text(folder / "open_clip_config.json", config_of_odd().dump());
      std::string(file).ends_with(".bin") ? write_pt(folder / file, names) : write_safetensors(folder / file, names);
      for (const auto& path : {folder.path(), folder / file}) {
        const ClipWeights clip = read_clip(path);
        REQUIRE(clip.architecture == kOdd);
        REQUIRE(clip.source_format == "OpenCLIP");
        require_same(clip, openai);
      }
    }
  }
}

TEST_CASE("OpenClip: each weight file of a folder is read by the config that its name belongs to, whichever stands beside",
          "[model][unit]") {
  const test::TemporaryFolder folder;
  const TensorMap openai = random_weights(kOdd);
  const auto write = [&](const char* file, const TensorMap& tensors) {
    std::string(file).ends_with(".bin") ? write_pt(folder / file, tensors) : write_safetensors(folder / file, tensors);
  };
  const auto stated_by = [&](const char* file) {
    CAPTURE(file);
    const ClipWeights clip = read_clip(folder / file);
    REQUIRE(clip.architecture == kOdd);  // GELU, which no shape tells
    require_same(clip, openai);
    return clip.source_format;
  };
  constexpr std::array kOpenClipFiles{"open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin"};
  constexpr std::array kHuggingFaceFiles{"model.safetensors", "pytorch_model.bin"};
  test::write_text(folder / "open_clip_config.json", config_of_odd().dump());
  for (const char* file : kOpenClipFiles) write(file, openai);
  for (const char* file : kOpenClipFiles) REQUIRE(stated_by(file) == "OpenCLIP");
  test::write_text(folder / "config.json", to_hf_config(kOdd, "float32", 4.6).dump());
  for (const char* file : kHuggingFaceFiles) write(file, to_huggingface_names(openai));
  for (const char* file : kOpenClipFiles) REQUIRE(stated_by(file) == "OpenCLIP");
  for (const char* file : kHuggingFaceFiles) REQUIRE(stated_by(file) == "Hugging Face");
}

TEST_CASE("OpenClip: a training checkpoint without a config is read by the user's word, and says what else it assumes",
          "[model][unit]") {
  const test::TemporaryFolder folder;
  const TensorMap openai = random_weights(kOdd);
  TensorMap file{{"optimizer.state.0.exp_avg", at::zeros({2})}};
  for (const auto& [name, tensor] : custom_text_names(openai)) file["state_dict.module." + name] = tensor;
  write_safetensors(folder / "epoch_1.safetensors", file);
  REQUIRE_THROWS_WITH(read_clip(folder / "epoch_1.safetensors"), ContainsSubstring("--text-heads"));
  const ReadHints hints{.architecture = {.hidden_act = Activation::kGelu, .text_heads = 4, .vision_heads = 2}};
  const ClipWeights clip = read_clip(folder / "epoch_1.safetensors", hints);
  REQUIRE(clip.architecture == kOdd);
  require_same(clip, openai);
}

TEST_CASE("OpenClip: without a config the published models have their heads, and GELU where only LAION has the width",
          "[model][unit]") {
  struct Published {
    TowerSize vision, text;
    Activation activation;
  };
  const Published models[] = {{{768, 2, 12, 3072}, {512, 2, 8, 2048}, Activation::kQuickGelu},  // ViT-B
                              {{1280, 2, 16, 5120}, {1024, 2, 16, 4096}, Activation::kGelu},    // ViT-H
                              {{1408, 2, 16, 6144}, {1024, 2, 16, 4096}, Activation::kGelu},    // ViT-g
                              {{1664, 2, 16, 8192}, {1280, 2, 20, 5120}, Activation::kGelu}};   // ViT-bigG
  for (const Published& published : models) {
    const Architecture wanted{.image_size = 28,
                              .patch_size = 14,
                              .vision = published.vision,
                              .text = published.text,
                              .activation = published.activation};
    std::vector<std::string> notes;
    REQUIRE(inferred_architecture(without_data(wanted), {}, "x", notes) == wanted);
    const bool gelu = published.activation == Activation::kGelu;
    REQUIRE_THAT(notes.back(), ContainsSubstring(gelu ? "exact GELU assumed" : "QuickGELU assumed") &&
                                   ContainsSubstring("--hidden-act"));
    const ArchitectureHints hints{.hidden_act = gelu ? Activation::kQuickGelu : Activation::kGelu, .vision_heads = 1};
    const Architecture told = inferred_architecture(without_data(wanted), hints, "x", notes);
    REQUIRE(told.activation == hints.hidden_act);
    REQUIRE(told.vision.heads == 1);
  }
}

TEST_CASE("OpenClip: towers that are not CLIP's are refused by what they are", "[model][unit]") {
  for (const auto& [name, says] : {std::pair{"visual.layer1.0.conv1.weight", "ResNet"},
                                   {"visual.trunk.blocks.0.norm1.weight", "timm"},
                                   {"text_decoder.resblocks.0.ln_1.weight", "CoCa"},
                                   {"visual.attn_pool.query", "CoCa"},
                                   {"text.transformer.embeddings.word_embeddings.weight", "BERT"},
                                   {"logit_bias", "SigLIP"},
                                   {"vision_model.head.probe", "SigLIP"}}) {
    CAPTURE(name);
    TensorMap tensors{{name, at::zeros({1})}, {"token_embedding.weight", at::zeros({4, 2})}};
    REQUIRE_THROWS_WITH(find_weights(tensors, "", false, "f"), ContainsSubstring("f: ") && ContainsSubstring(says));
    tensors.erase("token_embedding.weight");
    REQUIRE_THROWS_WITH(find_weights(tensors, "", false, "f"), ContainsSubstring(says));
  }
}

TEST_CASE("OpenClip: settings that make another model are refused by their key", "[model][unit]") {
  REQUIRE(architecture_from_open_clip_config(config_of_odd(), "c") == kOdd);
  REQUIRE(architecture_from_open_clip_config(config_of_odd()["model_cfg"], "c") == kOdd);
  const auto changed = [](const char* section, const char* key, const Json& value) {
    Json config = config_of_odd();
    (section == nullptr ? config["model_cfg"] : config["model_cfg"][section])[key] = value;
    return config;
  };
  const auto refused = [&](const char* section, const char* key, const Json& value) {
    CAPTURE(key);
    REQUIRE_THROWS_AS(architecture_from_open_clip_config(changed(section, key, value), "c"), DataError);
    REQUIRE_THROWS_WITH(architecture_from_open_clip_config(changed(section, key, value), "c"), ContainsSubstring(key));
  };
  refused(nullptr, "multimodal_cfg", {{"width", 8}});
  refused("vision_cfg", "timm_model_name", "vit_base");
  refused("vision_cfg", "layers", {3, 4, 6, 3});
  refused("vision_cfg", "attentional_pool", true);
  refused("vision_cfg", "pool_type", "avg");
  refused("vision_cfg", "no_ln_pre", true);
  refused("vision_cfg", "ls_init_value", 1e-4);
  refused("text_cfg", "hf_model_name", "roberta-base");
  refused("text_cfg", "no_causal_mask", true);
  refused("text_cfg", "pool_type", "last");
  refused("text_cfg", "embed_cls", true);
  refused("text_cfg", "heads", "four");
  refused("text_cfg", "mlp_ratio", -1);
  for (const Json& harmless :
       {changed(nullptr, "custom_text", true), changed("vision_cfg", "patch_dropout", 0.5),
        changed("text_cfg", "pool_type", "argmax"), changed("vision_cfg", "timm_model_name", nullptr)})
    REQUIRE(architecture_from_open_clip_config(harmless, "c") == kOdd);
  REQUIRE(architecture_from_open_clip_config(changed(nullptr, "quick_gelu", true), "c").activation ==
          Activation::kQuickGelu);
  Json other_pixels = config_of_odd();
  other_pixels["preprocess_cfg"]["mean"] = {0.5, 0.5, 0.5};
  REQUIRE_THROWS_WITH(architecture_from_open_clip_config(other_pixels, "c"), ContainsSubstring("preprocess_cfg.mean"));
  Json stretched = config_of_odd();
  stretched["longclip"] = {{"stretch", {{"keep", 5}, {"ratio", nullptr}, {"source_length", 20}}}};
  REQUIRE(architecture_from_open_clip_config(stretched, "c").stretch ==
          Stretch{.keep = 5, .ratio = std::nullopt, .source_length = 20});
}

}  // namespace longclip
