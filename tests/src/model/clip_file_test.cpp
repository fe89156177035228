// tests/src/model/clip_file_test.cpp -- model/clip_file.h
#include "model/clip_file.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "model/hf_config.h"
#include "model/weight_names.h"
#include "support/reference_data.h"
#include "tensors/pt_file.h"
#include "tensors/safetensors.h"
#include "tensors/tensor_file.h"
#include "toy_golden.h"
#include "support/catch.h"

namespace longclip {
namespace {

namespace fs = std::filesystem;

const Architecture kSmall{.image_size = 16,
                          .patch_size = 8,
                          .vision = {64, 1, 1, 96},
                          .text = {64, 2, 1, 128},
                          .context_length = 30,
                          .vocabulary_size = 40,
                          .eos_id = 39,
                          .embed_dim = 24};

ClipWeights small_clip() {
  ClipWeights clip{.architecture = kSmall, .tensors = {}};
  for (const auto& [name, shape] : weight_shapes(kSmall)) clip.tensors[name] = at::randn(shape);
  return clip;
}

bool same(const TensorMap& a, const TensorMap& b) {
  return a.size() == b.size() && std::all_of(a.begin(), a.end(), [&](const auto& item) {
           const auto found = b.find(item.first);
           return found != b.end() && found->second.scalar_type() == at::kFloat &&
                  at::equal(item.second.to(at::kFloat), found->second);
         });
}

bool says(const ClipWeights& clip, const std::string& part) {
  return std::any_of(clip.notes.begin(), clip.notes.end(),
                     [&](const std::string& note) { return note.find(part) != std::string::npos; });
}

std::string float32_sha256(const at::Tensor& tensor) {
  const at::Tensor values = tensor.to(at::kFloat).contiguous();
  return sha256_hex(std::span(static_cast<const uint8_t*>(values.const_data_ptr()), values.nbytes()));
}

/// Compares with {name: {shape, float32_sha256}} of a case.
void require_tensors(const ClipWeights& clip, const Json& wanted) {
  REQUIRE(!wanted.empty());
  for (const auto& [name, value] : wanted.items()) {
    CAPTURE(name);
    REQUIRE(Json(clip.tensors.at(name).sizes().vec()) == value["shape"]);
    REQUIRE(float32_sha256(clip.tensors.at(name)) == value["float32_sha256"]);
  }
}

/// Whatever read_clip says about a file with one change.
std::string refusal(const TensorMap& tensors) {
  const test::TemporaryFolder folder;
  write_safetensors(folder / "a.safetensors", tensors, {{kMetadataKey, to_json_line(to_json(kSmall))}});
  try {
    read_clip(folder / "a.safetensors");
  } catch (const DataError& error) {
    return error.what();
  }
  return "was read";
}

}  // namespace

TEST_CASE("ClipFile: the four published formats give the same weights and sizes", "[model][golden]") {
  const auto golden = test::golden_dir();
  if (!golden) return test::say_skipped("checkpoint formats", "shared/golden");
  const TensorMap wanted = read_safetensors(*golden / "toy_clip_state.safetensors").tensors;
  const Json sizes = test::read_json(*golden / "toy_config.json");
  for (const auto& [name, format] : {std::pair{"toy_clip_state.safetensors", "safetensors"},
                                     {"toy_clip_state_dict.pt", "torch.save"},
                                     {"toy_clip_openai.pt", "TorchScript"},
                                     {"toy_clip_hf", "Hugging Face"}}) {
    CAPTURE(name);
    const ClipWeights clip = read_clip(*golden / name);
    REQUIRE(clip.source_format == format);
    REQUIRE(same(wanted, clip.tensors));
    REQUIRE(clip.architecture.image_size == sizes["image"]);
    REQUIRE(clip.architecture.patch_size == sizes["patch"]);
    REQUIRE(clip.architecture.vision.heads == sizes["vision_heads"]);
    REQUIRE(clip.architecture.text.layers == sizes["text_layers"]);
    REQUIRE(clip.architecture.context_length == sizes["context"]);
    REQUIRE(clip.architecture.eos_id == sizes["eot"]);
    REQUIRE(clip.architecture.embed_dim == sizes["embed_dim"]);
    REQUIRE(clip.architecture == read_clip(*golden / "toy_clip_hf").architecture);
  }
}

TEST_CASE("ClipFile: a training checkpoint with wrappers, prefixes and optimizer gives the weights inside",
          "[model][golden]") {
  const auto cases = test::cases_dir();
  if (!cases) return test::say_skipped("wrapped checkpoint", "shared/cases");
  const fs::path folder = *cases / "08_pt_nested_prefixes_scalar_shape";
  const Json values = test::read_json(folder / "case.json")["expected"]["values"];
  const ClipWeights clip = read_clip(folder / "epoch_3.pt");
  require_tensors(clip, values["tensors"]);
  REQUIRE(clip.tensors.size() == values["tensors"].size() + 1);
  REQUIRE(float32_sha256(clip.tensors.at("positional_embedding").slice(0, 0, 20)) ==
          values["positional_embedding_first_20_rows_float32_sha256"]);
  for (const char* part : {"entry 'state_dict'", "entry 'optimizer' left out", "epoch", "scaler", "numpy"})
    REQUIRE(says(clip, part));
}

TEST_CASE("ClipFile: a Hugging Face folder without one of its shards is refused by the name of the shard",
          "[model][golden]") {
  const auto cases = test::cases_dir();
  if (!cases) return test::say_skipped("missing shard", "shared/cases");
  const fs::path folder = *cases / "09_hf_shard_missing";
  const Json values = test::read_json(folder / "case.json")["expected"]["values"];
  REQUIRE_THROWS_WITH(read_clip(folder / "model"),
                      ContainsSubstring(values["missing_file"].get<std::string>()) &&
                          ContainsSubstring(std::to_string(values["tensors_missing"].get<int>()) + " tensors"));
}

TEST_CASE("ClipFile: an old Hugging Face export loses its buffers and its wrong end of text", "[model][golden]") {
  const auto cases = test::cases_dir();
  if (!cases) return test::say_skipped("old export", "shared/cases");
  const fs::path folder = *cases / "11_hf_old_export_buffers_eos2";
  const Json values = test::read_json(folder / "case.json")["expected"]["values"];
  const ClipWeights clip = read_clip(folder / "model");
  require_tensors(clip, values["tensors"]);
  REQUIRE(clip.tensors.size() == values["tensors"].size() + 1);  // and positional_embedding
  REQUIRE(clip.architecture.eos_id == values["end_of_text"]);
  REQUIRE(clip.architecture.vocabulary_size == values["vocabulary"]);
  REQUIRE(says(clip, "eos_token_id 2"));
}

TEST_CASE("ClipFile: our file, folder and run folder give back what was written", "[model][unit]") {
  const test::TemporaryFolder folder;
  ClipWeights clip = small_clip();
  clip.architecture.stretch = Stretch{.keep = 5, .ratio = std::nullopt, .source_length = 20};
  write_clip(folder / "a.safetensors", clip);
  write_clip(folder / "run" / "checkpoints" / "step_00000002", clip);
  test::write_text(folder / "run" / "checkpoints" / "latest", "step_00000002\n");
  REQUIRE(read_safetensors(folder / "a.safetensors").metadata.at("format") == "pt");
  for (const char* name : {"a.safetensors", "run/checkpoints/step_00000002", "run"}) {
    const ClipWeights back = read_clip(folder / name);
    REQUIRE(back.architecture == clip.architecture);
    REQUIRE(same(clip.tensors, back.tensors));
    REQUIRE(back.notes.empty());
  }
  test::write_text(folder / "run" / "checkpoints" / "latest", "../../other\n");
  REQUIRE_THROWS_AS(read_clip(folder / "run"), DataError);
}

TEST_CASE("ClipFile: an existing output is kept unless overwriting was asked for", "[model][unit]") {
  const test::TemporaryFolder folder;
  ClipWeights clip = small_clip();
  for (const char* name : {"a.safetensors", "folder"}) {
    write_clip(folder / name, clip);
    clip.tensors["logit_scale"] = at::full({}, 3.5);
    REQUIRE_THROWS_AS(write_clip(folder / name, clip), InputError);
    REQUIRE(read_clip(folder / name).tensors.at("logit_scale").item<float>() != 3.5f);
    write_clip(folder / name, clip, true);
    REQUIRE(read_clip(folder / name).tensors.at("logit_scale").item<float>() == 3.5f);
    clip = small_clip();
  }
}

TEST_CASE("ClipFile: missing, unknown, misshapen and non-finite tensors are all listed by name", "[model][unit]") {
  TensorMap tensors = small_clip().tensors;
  tensors.erase("ln_final.bias");
  tensors["visual.extra"] = at::zeros({2});
  tensors["visual.proj"] = at::zeros({64, 25});
  tensors["logit_scale"] = at::full({}, std::nan(""));
  tensors["text_projection"] = at::zeros({64, 24}, at::kInt);
  const std::string message = refusal(tensors);
  for (const char* part : {"missing: ln_final.bias [64]", "not known: visual.extra [2]",
                           "misshapen: visual.proj is [64, 25], wanted is [64, 24]",
                           "holds NaN or infinity: logit_scale", "not floating point: text_projection"}) {
    REQUIRE_THAT(message, ContainsSubstring(part));
  }
}

TEST_CASE("ClipFile: of a Hugging Face folder they are all listed by the names in its file", "[model][unit]") {
  const test::TemporaryFolder folder;
  test::write_text(folder / "config.json", to_hf_config(kSmall, "float32", 4.6).dump());
  TensorMap tensors = to_huggingface_names(small_clip().tensors);
  tensors.erase("text_model.final_layer_norm.bias");
  tensors["vision_model.extra"] = at::zeros({2});
  tensors["vision_model.encoder.layers.1.layer_norm1.bias"] = at::zeros({64});
  tensors["visual_projection.weight"] = at::zeros({25, 64});
  tensors["text_model.encoder.layers.0.self_attn.k_proj.weight"] = at::zeros({64, 65});
  tensors["vision_model.encoder.layers.0.self_attn.v_proj.bias"] = at::full({64}, std::nan(""));
  tensors["text_projection.weight"] = at::zeros({24, 64}, at::kInt);
  write_safetensors(folder / "model.safetensors", tensors);
  for (const char* part :
       {"missing: text_model.final_layer_norm.bias [64]", "not known: vision_model.extra [2]",
        "not known: vision_model.encoder.layers.1.layer_norm1.bias [64]",
        "misshapen: visual_projection.weight is [25, 64], wanted is [24, 64]",
        "misshapen: text_model.encoder.layers.0.self_attn.k_proj.weight is [64, 65], wanted is [64, 64]",
        "holds NaN or infinity: vision_model.encoder.layers.0.self_attn.v_proj.bias",
        "not floating point: text_projection.weight"}) {
    CAPTURE(part);
    REQUIRE_THROWS_WITH(read_clip(folder.path()), ContainsSubstring(part));
  }
}

TEST_CASE("ClipFile: the architecture alone is read without a look at the values", "[model][unit]") {
  const test::TemporaryFolder folder;
  ClipWeights clip = small_clip();
  clip.tensors["logit_scale"] = at::full({}, std::nan(""));
  write_clip(folder / "own.safetensors", clip);
  write_safetensors(folder / "bare.safetensors", clip.tensors);
  write_pt(folder / "bare.pt", clip.tensors);
  for (const char* name : {"own.safetensors", "bare.safetensors", "bare.pt"}) {
    CAPTURE(name);
    REQUIRE(std::get<Architecture>(read_architecture(folder / name)) == kSmall);
    REQUIRE_THROWS_WITH(read_clip(folder / name), ContainsSubstring("NaN or infinity: logit_scale"));
  }
  clip.tensors.erase("ln_final.bias");
  write_pt(folder / "bare.pt", clip.tensors);
  REQUIRE_THROWS_WITH(read_architecture(folder / "bare.pt"), ContainsSubstring("missing: ln_final.bias"));
}

TEST_CASE("ClipFile: empty tensors of enormous shapes are refused as any misshapen ones", "[model][unit]") {
  const test::TemporaryFolder folder;
  constexpr int64_t kHuge = int64_t{1} << 58;
  const auto refused = [&](const TensorMap& names, const std::string& name, at::IntArrayRef shape) {
    CAPTURE(name);
    TensorMap tensors = names;
    tensors[name] = at::zeros(shape);
    write_safetensors(folder / "a.safetensors", tensors);
    REQUIRE_THROWS_AS(read_clip(folder / "a.safetensors"), DataError);
  };
  const TensorMap openai = small_clip().tensors;
  refused(openai, "visual.conv1.weight", {64, 3, 0, kHuge / 256});
  refused(openai, "visual.positional_embedding", {kHuge, 0});
  refused(openai, "token_embedding.weight", {0, kHuge});
  refused(openai, "transformer.resblocks.0.mlp.c_fc.weight", {kHuge, 0});
  TensorMap huggingface = to_huggingface_names(openai);
  for (const char* part : {"q_proj", "k_proj", "v_proj"})
    huggingface[fmt::format("text_model.encoder.layers.0.self_attn.{}.weight", part)] = at::zeros({kHuge, 0});
  refused(huggingface, "logit_scale", {});
}

TEST_CASE("ClipFile: upstream's two tables are folded, and 248 rows are known as stretched from 77", "[model][unit]") {
  const test::TemporaryFolder folder;
  TensorMap tensors = small_clip().tensors;
  tensors["positional_embedding"] = at::zeros({248, 64}, at::kHalf);
  tensors["positional_embedding_res"] = at::full({248, 64}, 1.0);
  write_pt(folder / "longclip.pt", tensors);
  const ClipWeights clip = read_clip(folder / "longclip.pt");
  REQUIRE(clip.architecture.context_length == 248);
  REQUIRE(clip.architecture.stretch == Stretch{.keep = 20, .ratio = 4, .source_length = 77});
  REQUIRE(at::equal(clip.tensors.at("positional_embedding"), at::cat({at::zeros({20, 64}), at::full({228, 64}, 1.0)})));
  REQUIRE(says(clip, "folded"));
}

TEST_CASE("ClipFile: shapes that contradict each other or leave the heads open are refused", "[model][unit]") {
  const test::TemporaryFolder folder;
  const auto refused = [&](const std::string& name, at::IntArrayRef shape, const std::string& part) {
    TensorMap tensors = small_clip().tensors;
    tensors[name] = at::zeros(shape);
    write_safetensors(folder / "a.safetensors", tensors);
    REQUIRE_THROWS_AS(read_clip(folder / "a.safetensors"), DataError);
    REQUIRE_THROWS_WITH(read_clip(folder / "a.safetensors"), ContainsSubstring(part));
  };
  refused("visual.positional_embedding", {4, 64}, "no square");
  refused("visual.conv1.weight", {60, 3, 8, 8}, "no multiple of 64");
  refused("visual.conv1.weight", {64, 3, 0, 0}, "patch size");
  refused("token_embedding.weight", {40}, "2 dimensions");
  refused("transformer.resblocks.999999999.ln_1.bias", {64}, "missing: transformer.resblocks");
  refused("positional_embedding", {30, 32}, "misshapen: positional_embedding");
}

TEST_CASE("ClipFile: Hugging Face folders in one file, in shards and as .bin in both ways read back the same", "[model][unit]") {
  const test::TemporaryFolder folder;
  const ClipWeights clip = small_clip();
  const TensorMap names = to_huggingface_names(clip.tensors);
  const std::string config = to_hf_config(kSmall, "float32", 1.0).dump();
  Json index{{"weight_map", Json::object()}};
  TensorMap halves[2];
  for (const auto& [name, tensor] : names) {
    const size_t half = name.starts_with("vision") ? 1 : 0;
    halves[half][name] = tensor;
    index["weight_map"][name] = half == 0 ? "s1.safetensors" : "s2.safetensors";
  }
  for (const char* kind : {"one", "shards", "bin", "bin_shards"}) test::write_text(folder / kind / "config.json", config);
  write_safetensors(folder / "one" / "model.safetensors", names);
  write_pt(folder / "bin" / "pytorch_model.bin", names);
  write_safetensors(folder / "shards" / "s1.safetensors", halves[0]);
  write_safetensors(folder / "shards" / "s2.safetensors", halves[1]);
  test::write_text(folder / "shards" / "model.safetensors.index.json", index.dump());
  for (auto& [name, file] : index["weight_map"].items()) file = file == "s1.safetensors" ? "s1.bin" : "s2.bin";
  for (int half : {0, 1}) write_pt(folder / "bin_shards" / fmt::format("s{}.bin", half + 1), halves[half]);
  test::write_text(folder / "bin_shards" / "pytorch_model.bin.index.json", index.dump());
  for (const char* kind : {"one", "shards", "bin", "bin_shards", "bin_shards/pytorch_model.bin.index.json"}) {
    CAPTURE(kind);
    const ClipWeights back = read_clip(folder / kind);
    REQUIRE(back.architecture == kSmall);
    REQUIRE(same(clip.tensors, back.tensors));
  }
  index["weight_map"]["logit_scale"] = "../one/model.safetensors";
  test::write_text(folder / "shards" / "model.safetensors.index.json", index.dump());
  REQUIRE_THROWS_WITH(read_clip(folder / "shards"), ContainsSubstring("not a file name"));
  fs::remove(folder / "bin_shards" / "s2.bin");
  REQUIRE_THROWS_WITH(read_clip(folder / "bin_shards"), ContainsSubstring("s2.bin is missing from the folder"));
}

TEST_CASE("HfConfig: text_config_dict wins with a note, other models and settings are refused", "[model][unit]") {
  std::vector<std::string> notes;
  Json config = to_hf_config(kSmall, "float32", 1.0);
  REQUIRE(architecture_from_hf_config(config, "c", notes) == kSmall);
  REQUIRE(notes.empty());
  config["text_config_dict"] = {{"num_attention_heads", 2}};
  REQUIRE(architecture_from_hf_config(config, "c", notes).text.heads == 2);
  REQUIRE(notes.size() == 1);
  const auto refused = [&](const char* section, const char* key, const Json& value) {
    Json changed = to_hf_config(kSmall, "float32", 1.0);
    (section == nullptr ? changed[key] : changed[section][key]) = value;
    REQUIRE_THROWS_WITH(architecture_from_hf_config(changed, "c", notes), ContainsSubstring("c: "));
    REQUIRE_THROWS_AS(architecture_from_hf_config(changed, "c", notes), DataError);
  };
  refused(nullptr, "model_type", "siglip");
  refused(nullptr, "text_config", 3);
  refused("text_config", "hidden_size", "64");
  refused("text_config", "hidden_size", -64);
  refused("text_config", "hidden_act", "gelu");
  refused("vision_config", "layer_norm_eps", 1e-6);
}

}  // namespace longclip
