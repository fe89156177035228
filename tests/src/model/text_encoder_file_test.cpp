// tests/src/model/text_encoder_file_test.cpp -- model/clip_file.h: text encoders alone, in every naming people have.
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "base/error.h"
#include "model/clip_file.h"
#include "model/hf_config.h"
#include "model/weight_names.h"
#include "support/reference_data.h"
#include "tensors/pt_file.h"
#include "tensors/safetensors.h"
#include "support/catch.h"

namespace longclip {
namespace {

/// Heads and activation as they are assumed where no config states them.
const TextArchitecture kPlain{
    .tower = {128, 2, 2, 96}, .context_length = 30, .vocabulary_size = 40, .eos_id = 39, .embed_dim = 24};

TextEncoderWeights random_encoder(const TextArchitecture& architecture) {
  TextEncoderWeights encoder{.architecture = architecture, .tensors = {}};
  for (const auto& [name, shape] : weight_shapes(architecture)) encoder.tensors[name] = at::randn(shape);
  return encoder;
}

TextArchitecture without_projection(TextArchitecture architecture) {
  architecture.embed_dim.reset();
  return architecture;
}

void add(TensorMap& target, const std::string& prefix, const TensorMap& tensors) {
  for (const auto& [name, tensor] : tensors) target[prefix + name] = tensor;
}

TensorMap with_prefix(const std::string& prefix, const TensorMap& tensors) {
  TensorMap renamed;
  add(renamed, prefix, tensors);
  return renamed;
}

void require_same(const AnyWeights& checkpoint, const TextEncoderWeights& wanted) {
  REQUIRE(std::holds_alternative<TextEncoderWeights>(checkpoint));
  const auto& encoder = std::get<TextEncoderWeights>(checkpoint);
  REQUIRE(encoder.architecture == wanted.architecture);
  REQUIRE(encoder.tensors.size() == wanted.tensors.size());
  for (const auto& [name, tensor] : wanted.tensors) {
    CAPTURE(name);
    REQUIRE(at::equal(encoder.tensors.at(name), tensor));
  }
}

/// The names of one file, read.
AnyWeights read_names(const TensorMap& tensors, const ReadHints& hints = {}) {
  const test::TemporaryFolder folder;
  write_safetensors(folder / "a.safetensors", tensors);
  return read_checkpoint(folder / "a.safetensors", hints);
}

}  // namespace

TEST_CASE("TextEncoderFile: what was written reads back, as folder and as file, with and without projection",
          "[model][unit]") {
  TextArchitecture odd{.tower = {60, 2, 3, 100},
                       .context_length = 30,
                       .vocabulary_size = 40,
                       .eos_id = 39,
                       .embed_dim = 24,
                       .activation = Activation::kGelu,
                       .stretch = Stretch{.keep = 5, .ratio = std::nullopt, .source_length = 20}};
  for (const TextArchitecture& architecture : {odd, without_projection(odd)}) {
    const test::TemporaryFolder folder;
    const TextEncoderWeights encoder = random_encoder(architecture);
    for (const char* name : {"folder", "a.safetensors"}) {
      CAPTURE(name, architecture.embed_dim.has_value());
      write_text_encoder(folder / name, encoder);
      require_same(read_checkpoint(folder / name), encoder);
      REQUIRE(std::get<TextArchitecture>(read_architecture(folder / name)) == architecture);
      REQUIRE_THROWS_AS(write_text_encoder(folder / name, encoder), InputError);
      REQUIRE_THROWS_WITH(read_clip(folder / name), ContainsSubstring("a text encoder alone"));
    }
    REQUIRE(
        read_safetensors(folder / "folder" / "model.safetensors").tensors.contains("text_model.final_layer_norm.bias"));
  }
}

TEST_CASE("TextEncoderFile: bare files are read under the prefixes of ComfyUI and Stable Diffusion", "[model][unit]") {
  const TextEncoderWeights encoder = random_encoder(kPlain);
  const TensorMap huggingface = to_huggingface_names(encoder.tensors);
  for (const char* prefix :
       {"", "clip_l.", "clip_g.transformer.", "text_encoders.clip_l.transformer.", "cond_stage_model.transformer."}) {
    CAPTURE(prefix);
    TensorMap file = with_prefix(prefix, huggingface);
    file[std::string(prefix) + "logit_scale"] = at::zeros({});
    file[std::string(prefix) + "text_model.embeddings.position_ids"] = at::zeros({1, 30}, at::kLong);
    require_same(read_names(file), encoder);
  }
  for (const char* prefix : {"", "cond_stage_model.model.", "conditioner.embedders.1.model.", "text."}) {
    CAPTURE(prefix);
    TensorMap file = with_prefix(prefix, encoder.tensors);
    file[std::string(prefix) + "logit_scale"] = at::zeros({});
    file["first_stage_model.decoder.conv_in.weight"] = at::zeros({2});
    if (*prefix == '\0') file.erase("first_stage_model.decoder.conv_in.weight");
    require_same(read_names(file), encoder);
  }
}

TEST_CASE("TextEncoderFile: names without text_model, and a projection that stands beside the tower, are found",
          "[model][unit]") {
  const TextEncoderWeights encoder = random_encoder(kPlain);
  TensorMap flat, nested;  // transformers 5 saves a CLIPTextModel flat; older ComfyUI keeps OpenAI's projection, x @ W
  for (const auto& [name, tensor] : to_huggingface_names(encoder.tensors)) {
    if (!name.starts_with("text_model.")) continue;
    flat[name.substr(11)] = tensor;
    nested["clip_g.transformer." + name] = tensor;
  }
  TextEncoderWeights tower = encoder;
  tower.architecture = without_projection(kPlain);
  tower.tensors.erase("text_projection");
  require_same(read_names(flat), tower);
  require_same(read_names(nested), tower);
  nested["clip_g.text_projection"] = encoder.tensors.at("text_projection");
  require_same(read_names(nested), encoder);
}

TEST_CASE("TextEncoderFile: of several in one file the named one is read, and without a name they are listed",
          "[model][unit]") {
  const TextEncoderWeights first = random_encoder(without_projection(kPlain)), second = random_encoder(kPlain);
  TensorMap file = with_prefix("conditioner.embedders.0.transformer.", to_huggingface_names(first.tensors));
  add(file, "conditioner.embedders.1.model.", second.tensors);
  file["model.diffusion_model.out.2.bias"] = at::zeros({4});
  REQUIRE_THROWS_WITH(read_names(file), ContainsSubstring("--entry") &&
                                            ContainsSubstring("conditioner.embedders.0.transformer") &&
                                            ContainsSubstring("conditioner.embedders.1.model"));
  require_same(read_names(file, {.entry = "conditioner.embedders.0"}), first);
  require_same(read_names(file, {.entry = "embedders.1.model"}), second);
  REQUIRE_THROWS_WITH(read_names(file, {.entry = "embedders.2"}), ContainsSubstring("embedders.2"));
}

TEST_CASE("TextEncoderFile: wide text towers count as LAION's, and the user's word goes before what is assumed",
          "[model][unit]") {
  TextArchitecture wide{.tower = {1024, 1, 16, 64},
                        .context_length = 4,
                        .vocabulary_size = 8,
                        .eos_id = 7,
                        .embed_dim = 8,
                        .activation = Activation::kGelu};
  TextEncoderWeights encoder = random_encoder(wide);
  const AnyWeights read = read_names(encoder.tensors);
  require_same(read, encoder);
  REQUIRE_THAT(std::get<TextEncoderWeights>(read).notes.back(),
               ContainsSubstring("exact GELU assumed") && ContainsSubstring("16 text heads"));
  encoder.architecture.activation = Activation::kQuickGelu;
  encoder.architecture.tower.heads = 8;
  const ReadHints hints{.architecture = {.hidden_act = Activation::kQuickGelu, .text_heads = 8}};
  require_same(read_names(encoder.tensors, hints), encoder);
  REQUIRE_THROWS_AS(read_names(encoder.tensors, {.architecture = {.text_heads = 7}}), InputError);
}

TEST_CASE("TextEncoderFile: a folder that states its architecture refuses another, and a pipeline names its part",
          "[model][unit]") {
  const test::TemporaryFolder folder;
  write_text_encoder(folder / "text_encoder", random_encoder(kPlain));
  test::write_text(folder / "model_index.json", "{}");
  REQUIRE_THROWS_WITH(read_checkpoint(folder.path()),
                      ContainsSubstring("pipeline of diffusers") && ContainsSubstring("text_encoder"));
  REQUIRE_THROWS_AS(read_checkpoint(folder / "text_encoder", {.architecture = {.text_heads = 4}}), InputError);
  REQUIRE_NOTHROW(read_checkpoint(folder / "text_encoder", {.architecture = {.text_heads = 2}}));
}

TEST_CASE("TextEncoderFile: missing, unknown, misshapen and non-finite tensors are all listed by name",
          "[model][unit]") {
  TensorMap tensors = random_encoder(kPlain).tensors;
  tensors.erase("ln_final.bias");
  tensors["transformer.extra"] = at::zeros({2});
  tensors["text_projection"] = at::zeros({127, 24});
  tensors["ln_final.weight"][3] = std::nan("");
  for (const char* part : {"missing: ln_final.bias [128]", "not known: transformer.extra [2]",
                           "misshapen: text_projection is [127, 24]", "NaN or infinity: ln_final.weight"})
    REQUIRE_THROWS_WITH(read_names(tensors), ContainsSubstring(part));
  const test::TemporaryFolder folder;  // a promised projection is missed
  TextEncoderWeights encoder = random_encoder(kPlain);
  write_text_encoder(folder / "a", encoder);
  TensorMap names = to_huggingface_names(encoder.tensors);
  names.erase("text_projection.weight");
  write_safetensors(folder / "a" / "model.safetensors", names);
  REQUIRE_THROWS_WITH(read_checkpoint(folder / "a"), ContainsSubstring("missing: text_projection.weight [24, 128]"));
}

TEST_CASE("TextEncoderFile: a whole CLIP gives its text half", "[model][unit]") {
  const Architecture architecture{.image_size = 16,
                                  .patch_size = 8,
                                  .vision = {64, 1, 1, 96},
                                  .text = kPlain.tower,
                                  .context_length = 30,
                                  .vocabulary_size = 40,
                                  .eos_id = 39,
                                  .embed_dim = 24};
  ClipWeights clip{.architecture = architecture, .tensors = {}};
  for (const auto& [name, shape] : weight_shapes(architecture)) clip.tensors[name] = at::randn(shape);
  const TextEncoderWeights half = text_encoder_of(clip);
  REQUIRE(half.architecture == kPlain);
  REQUIRE(half.tensors.size() == weight_shapes(kPlain).size());
  REQUIRE(at::equal(half.tensors.at("ln_final.bias"), clip.tensors.at("ln_final.bias")));
  REQUIRE(!half.tensors.contains("logit_scale"));
}

}  // namespace longclip
