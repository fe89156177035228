// tests/train/export_test.cpp -- train/export: folders and files for other programs, read back by our own readers.
// That transformers and torch themselves load them is shown by tests/python.
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>

#include <algorithm>
#include <functional>

#include "base/error.h"
#include "base/json.h"
#include "model/weight_names.h"
#include "support/reference_data.h"
#include "tensors/pt_file.h"
#include "tensors/safetensors.h"
#include "text/tokenizer.h"
#include "train/export/export_format.h"
#include "train/export/hf_export.h"
#include "train/export/open_clip_export.h"
#include "train/export/openai_export.h"
#include "train/export/text_encoder_export.h"
#include "support/catch.h"

namespace longclip {
namespace {

namespace fs = std::filesystem;

void keep(Architecture&) {}

/// Small, stretched, every value random; `change` before the weights are drawn.
ClipWeights stretched_clip(int64_t vocabulary_size, const std::function<void(Architecture&)>& change = keep) {
  Architecture architecture{.image_size = 16,
                            .patch_size = 8,
                            .vision = {64, 1, 1, 256},
                            .text = {64, 1, 1, 256},
                            .context_length = 248,
                            .vocabulary_size = vocabulary_size,
                            .eos_id = vocabulary_size - 1,
                            .embed_dim = 24,
                            .stretch = Stretch{.keep = 20, .ratio = 4, .source_length = 77}};
  change(architecture);
  ClipWeights clip{.architecture = architecture, .tensors = {}};
  for (const auto& [name, shape] : weight_shapes(architecture)) clip.tensors[name] = at::randn(shape);
  return clip;
}

void unstretched(Architecture& a) {
  a.context_length = 77;
  a.stretch.reset();
}

/// As ViT-bigG: heads other than width/64, an MLP other than 4 x width, exact GELU.
void unusual(Architecture& a) {
  a.vision = {80, 2, 5, 393};
  a.text = {48, 2, 4, 100};
  a.activation = Activation::kGelu;
}

TextEncoderWeights read_text_encoder(const fs::path& path) {
  return std::get<TextEncoderWeights>(read_checkpoint(path));
}

bool same(const TensorMap& a, const TensorMap& b) {
  return a.size() == b.size() &&
         std::all_of(a.begin(), a.end(), [&](const auto& item) { return at::equal(item.second, b.at(item.first)); });
}

Json read_json(const fs::path& path) { return parse_json(test::read_text(path), path.string()); }

}  // namespace

TEST_CASE("HfExport: export and import give the same model, in fp32 exactly and in half rounded once",
          "[train][unit]") {
  const test::TemporaryFolder folder;
  const ClipWeights clip = stretched_clip(100);
  const auto notes = export_hf(clip, folder / "fp32", {});
  REQUIRE(notes.size() == 1);
  REQUIRE_THAT(notes[0], ContainsSubstring("no tokenizer files"));
  REQUIRE(!fs::exists(folder / "fp32" / "vocab.json"));
  const ClipWeights back = read_clip(folder / "fp32");
  REQUIRE(back.architecture == clip.architecture);
  REQUIRE(same(clip.tensors, back.tensors));
  for (const auto dtype : {at::kHalf, at::kBFloat16}) {
    export_hf(clip, folder / c10::toString(dtype), {.dtype = dtype});
    const ClipWeights rounded = read_clip(folder / c10::toString(dtype));
    for (const auto& [name, tensor] : clip.tensors)
      REQUIRE(at::equal(rounded.tensors.at(name), tensor.to(dtype).to(at::kFloat)));
  }
}

TEST_CASE("HfExport: the configs state 248 positions, the end of text and CLIP's tokenizer", "[train][unit]") {
  const test::TemporaryFolder folder;
  REQUIRE(export_hf(stretched_clip(49408), folder / "hf", {}).empty());
  const Json config = read_json(folder / "hf" / "config.json");
  REQUIRE(config["architectures"][0] == "CLIPModel");
  REQUIRE(config["text_config"]["max_position_embeddings"] == 248);
  REQUIRE(config["text_config"]["bos_token_id"] == 49406);
  REQUIRE(config["text_config"]["eos_token_id"] == 49407);
  REQUIRE(config["text_config"]["pad_token_id"] == 49407);
  REQUIRE(config["text_config"]["hidden_act"] == "quick_gelu");
  const Json tokenizer = read_json(folder / "hf" / "tokenizer_config.json");
  REQUIRE(tokenizer["model_max_length"] == 248);
  REQUIRE(tokenizer["pad_token"] == "<|endoftext|>");
  const std::string vocabulary = test::read_text(folder / "hf" / "vocab.json");
  REQUIRE_THAT(vocabulary, ContainsSubstring("{\"!\": 0, "));
  REQUIRE_THAT(vocabulary, ContainsSubstring("\"<|startoftext|>\": 49406, \"<|endoftext|>\": 49407}"));
  const std::string merges = test::read_text(folder / "hf" / "merges.txt");
  REQUIRE(static_cast<size_t>(std::count(merges.begin(), merges.end(), '\n')) == Tokenizer::clip().merges().size() + 1);
  const TensorFile weights = read_safetensors(folder / "hf" / "model.safetensors");
  REQUIRE(weights.metadata.at("format") == "pt");
  REQUIRE(weights.tensors.at("logit_scale").dim() == 0);
  REQUIRE(std::none_of(weights.tensors.begin(), weights.tensors.end(),
                       [](const auto& item) { return item.first.ends_with("position_ids"); }));
}

TEST_CASE("HfExport: an old export comes out with its end of text corrected", "[train][golden]") {
  const auto cases = test::cases_dir();
  if (!cases) return test::say_skipped("old export", "shared/cases");
  const test::TemporaryFolder folder;
  const ClipWeights clip = read_clip(*cases / "11_hf_old_export_buffers_eos2" / "model");
  export_hf(clip, folder / "hf", {});
  REQUIRE(read_json(folder / "hf" / "config.json")["text_config"]["eos_token_id"] ==
          clip.architecture.vocabulary_size - 1);
  REQUIRE(same(clip.tensors, read_clip(folder / "hf").tensors));
}

TEST_CASE("UpstreamExport: exactly upstream's names, the folded table under both, and the same model again",
          "[train][unit]") {
  const test::TemporaryFolder folder;
  const ClipWeights clip = stretched_clip(100);
  REQUIRE(export_upstream(clip, folder / "longclip.pt", {}).empty());
  const TensorMap tensors = read_pt(folder / "longclip.pt").tensors;
  auto names = weight_shapes(clip.architecture);
  names["positional_embedding_res"] = names["positional_embedding"];
  REQUIRE(tensors.size() == names.size());
  for (const auto& [name, shape] : names) REQUIRE(tensors.at(name).sizes() == at::IntArrayRef(shape));
  REQUIRE(at::equal(tensors.at("positional_embedding"), tensors.at("positional_embedding_res")));
  const ClipWeights back = read_clip(folder / "longclip.pt");
  REQUIRE(back.architecture == clip.architecture);
  REQUIRE(same(clip.tensors, back.tensors));
}

TEST_CASE("UpstreamExport: a length other than the one written into upstream's code is told", "[train][unit]") {
  const test::TemporaryFolder folder;
  const auto notes =
      export_upstream(stretched_clip(100, [](Architecture& a) { a.context_length = 120; }), folder / "a.pt", {});
  REQUIRE(notes.size() == 1);
  REQUIRE_THAT(notes[0], ContainsSubstring("248 positions") && ContainsSubstring("change them to 120"));
}

TEST_CASE("UpstreamExport, OpenaiExport: what their code would read wrongly is refused with the way out",
          "[train][unit]") {
  const test::TemporaryFolder folder;
  const auto refused = [&](auto write, auto change, const std::string& part) {
    ClipWeights clip = stretched_clip(100);
    change(clip.architecture);
    REQUIRE_THROWS_AS(write(clip, folder / "a.pt", ExportOptions{}), InputError);
    REQUIRE_THROWS_WITH(write(clip, folder / "a.pt", ExportOptions{}), ContainsSubstring(part));
    REQUIRE(!fs::exists(folder / "a.pt"));
  };
  refused(export_upstream, unstretched, "longclip stretch");
  refused(export_openai, keep, "Export as upstream");
  const auto refused_by_both = [&](const std::function<void(Architecture&)>& change, const std::string& part) {
    refused(export_upstream, change, part);
    refused(
        export_openai, [&](Architecture& a) { unstretched(a), change(a); }, part);
  };
  refused_by_both([](Architecture& a) { a.activation = Activation::kGelu; }, "QuickGELU");
  refused_by_both([](Architecture& a) { a.text.heads = 2; }, "heads");
  refused_by_both([](Architecture& a) { a.eos_id = 5; }, "highest id");
}

TEST_CASE("OpenaiExport: 77 positions, exactly OpenAI's names, and the same model again", "[train][unit]") {
  const test::TemporaryFolder folder;
  const ClipWeights clip = stretched_clip(100, unstretched);
  export_openai(clip, folder / "clip.pt", {});
  REQUIRE(same(read_pt(folder / "clip.pt").tensors, clip.tensors));
  const ClipWeights back = read_clip(folder / "clip.pt");
  REQUIRE(back.architecture == clip.architecture);
  REQUIRE(same(clip.tensors, back.tensors));
}

TEST_CASE("OpenClipExport: the folder states sizes, activation, positions and pixels, and is the same model again",
          "[train][unit]") {
  const test::TemporaryFolder folder;
  for (const auto& change : {keep, unusual}) {
    const ClipWeights clip = stretched_clip(100, change);
    REQUIRE(export_open_clip(clip, folder / "model", {.overwrite = true}).empty());
    const Json config = read_json(folder / "model" / "open_clip_config.json");
    const Json& model = config.at("model_cfg");
    REQUIRE(model["quick_gelu"] == (clip.architecture.activation == Activation::kQuickGelu));
    REQUIRE(model["text_cfg"]["context_length"] == 248);
    for (const auto& [name, tower] :
         {std::pair{"vision_cfg", clip.architecture.vision}, {"text_cfg", clip.architecture.text}}) {
      const double mlp = static_cast<double>(tower.width) * model[name]["mlp_ratio"].get<double>();
      REQUIRE(static_cast<int64_t>(mlp) == tower.mlp_width);  // as OpenCLIP computes it
    }
    REQUIRE(config["preprocess_cfg"]["interpolation"] == "bicubic");
    const ClipWeights back = read_clip(folder / "model");
    REQUIRE(back.architecture == clip.architecture);
    REQUIRE(same(clip.tensors, back.tensors));
  }
}

TEST_CASE("OpenClipExport: a file holds the weights alone, and the notes say what the reader must know",
          "[train][unit]") {
  const test::TemporaryFolder folder;
  const ClipWeights clip = stretched_clip(100);
  for (const char* name : {"model.safetensors", "model.pt", "model.bin"}) {
    const auto notes = export_open_clip(clip, folder / name, {});
    REQUIRE(notes.size() == 1);
    REQUIRE_THAT(notes[0], ContainsSubstring("248 positions and QuickGELU"));
    REQUIRE(same(clip.tensors, read_clip(folder / name).tensors));
  }
  ClipWeights other = clip;
  other.architecture.eos_id = 5;
  REQUIRE_THROWS_WITH(export_open_clip(other, folder / "other", {}), ContainsSubstring("highest id"));
  REQUIRE(!fs::exists(folder / "other"));
}

TEST_CASE("TextEncoderExport: a CLIPTextModel or one with projection, with its tokenizer, and the same encoder again",
          "[train][unit]") {
  const test::TemporaryFolder folder;
  TextEncoderWeights text = text_encoder_of(stretched_clip(49408, unusual));
  REQUIRE(export_text_encoder(text, folder / "with", {.projection = true}).empty());
  const TextEncoderWeights with = read_text_encoder(folder / "with" / "text_encoder");
  REQUIRE(same(read_text_encoder(folder / "with").tensors, with.tensors));
  REQUIRE(with.architecture == text.architecture);
  REQUIRE(same(with.tensors, text.tensors));
  const auto notes = export_text_encoder(text, folder / "without", {});
  REQUIRE(notes.size() == 1);
  REQUIRE_THAT(notes[0], ContainsSubstring("--projection"));
  text.architecture.embed_dim.reset();
  text.tensors.erase("text_projection");
  const TextEncoderWeights without = read_text_encoder(folder / "without" / "text_encoder");
  REQUIRE(without.architecture == text.architecture);
  REQUIRE(same(without.tensors, text.tensors));
  REQUIRE_THROWS_WITH(export_text_encoder(text, folder / "none", {.projection = true}),
                      ContainsSubstring("no projection"));
  REQUIRE(!fs::exists(folder / "none"));
  for (const auto& [name, kind] : {std::pair{"with", "CLIPTextModelWithProjection"}, {"without", "CLIPTextModel"}}) {
    const Json config = read_json(folder / name / "text_encoder" / "config.json");
    REQUIRE(config["architectures"][0] == kind);
    REQUIRE(config["max_position_embeddings"] == 248);
    REQUIRE(config["eos_token_id"] == 49407);
    REQUIRE(read_json(folder / name / "tokenizer" / "tokenizer_config.json")["model_max_length"] == 248);
  }
}

TEST_CASE("TextEncoderExport: another vocabulary has no tokenizer, and half precision is stated", "[train][unit]") {
  const test::TemporaryFolder folder;
  const TextEncoderWeights text = text_encoder_of(stretched_clip(100));
  const auto notes = export_text_encoder(text, folder / "half", {.dtype = at::kHalf, .projection = true});
  REQUIRE(notes.size() == 1);
  REQUIRE_THAT(notes[0], ContainsSubstring("no tokenizer files"));
  REQUIRE(!fs::exists(folder / "half" / "tokenizer"));
  REQUIRE(read_json(folder / "half" / "text_encoder" / "config.json")["torch_dtype"] == "float16");
  const TensorMap stored = read_safetensors(folder / "half" / "text_encoder" / "model.safetensors").tensors;
  REQUIRE(std::all_of(stored.begin(), stored.end(), [](const auto& item) { return item.second.dtype() == at::kHalf; }));
}

TEST_CASE("ComfyuiExport: one file in Hugging Face's names, and the same encoder again", "[train][unit]") {
  const test::TemporaryFolder folder;
  const auto square = [](Architecture& a) { a.embed_dim = a.text.width; };
  const TextEncoderWeights text = text_encoder_of(stretched_clip(100, square));
  const auto notes = export_comfyui(text, folder / "clip.safetensors", {});
  REQUIRE(notes.size() == 1);  // 248 positions of a small CLIP-L are known, the width is not
  REQUIRE_THAT(notes[0], ContainsSubstring("CLIP-L (768, 12) and will not load this width of 64"));
  const TensorMap tensors = read_safetensors(folder / "clip.safetensors").tensors;
  REQUIRE(tensors.at("text_model.embeddings.position_embedding.weight").size(0) == 248);
  REQUIRE(tensors.contains("text_projection.weight"));
  const TextEncoderWeights back = read_text_encoder(folder / "clip.safetensors");
  REQUIRE(back.architecture == text.architecture);
  REQUIRE(same(back.tensors, text.tensors));
}

TEST_CASE("ComfyuiExport: what ComfyUI would compute wrongly is refused, a length not every version knows is told",
          "[train][unit]") {
  const test::TemporaryFolder folder;
  const auto write = [&](const std::function<void(Architecture&)>& change) {
    const auto changed = [&](Architecture& a) { a.embed_dim = a.text.width, change(a); };
    return export_comfyui(text_encoder_of(stretched_clip(100, changed)), folder / "a.safetensors", {});
  };
  const auto refused = [&](const std::function<void(Architecture&)>& change, const std::string& part) {
    REQUIRE_THROWS_WITH(write(change), ContainsSubstring(part) && ContainsSubstring("text-encoder"));
    REQUIRE(!fs::exists(folder / "a.safetensors"));
  };
  refused([](Architecture& a) { a.activation = Activation::kGelu; }, "CLIP-L, which it computes with QuickGELU");
  refused([](Architecture& a) { a.text.layers = 32; }, "CLIP-G, which it computes with exact GELU");
  refused([](Architecture& a) { a.text.heads = 2; }, "width/64 heads");
  refused([](Architecture& a) { a.embed_dim = 24; }, "square");
  refused([](Architecture& a) { a.eos_id = 5; }, "highest id");
  const auto notes = write([](Architecture& a) { a.text.layers = 32, a.activation = Activation::kGelu; });
  REQUIRE(notes.size() == 2);
  REQUIRE_THAT(notes[1], ContainsSubstring("248 positions of CLIP-G"));
}

TEST_CASE("Exports: an existing output is kept unless overwriting was asked for", "[train][unit]") {
  const test::TemporaryFolder folder;
  const ClipWeights clip = stretched_clip(100);
  test::write_text(folder / "a.pt", "mine");
  test::write_text(folder / "hf" / "mine.txt", "mine");
  REQUIRE_THROWS_AS(export_upstream(clip, folder / "a.pt", {}), InputError);
  REQUIRE_THROWS_AS(export_hf(clip, folder / "hf", {}), InputError);
  REQUIRE_THROWS_AS(export_open_clip(clip, folder / "hf", {}), InputError);
  REQUIRE_THROWS_AS(export_text_encoder(text_encoder_of(clip), folder / "hf", {.projection = true}), InputError);
  REQUIRE(test::read_text(folder / "a.pt") == "mine");
  REQUIRE(!fs::exists(folder / "hf" / "config.json"));
  export_upstream(clip, folder / "a.pt", {.overwrite = true});
  export_hf(clip, folder / "hf", {.overwrite = true});
  REQUIRE(same(clip.tensors, read_clip(folder / "hf").tensors));
}

TEST_CASE("Exports: an output's ending, an option and a text encoder that do not belong to a format are errors",
          "[train][unit]") {
  const test::TemporaryFolder folder;
  const auto refused = [&](const char* format, const char* out, const char* part, const ExportOptions& options = {}) {
    REQUIRE_THROWS_AS(check_export(format, folder / out, options), InputError);
    REQUIRE_THROWS_WITH(check_export(format, folder / out, options), ContainsSubstring(part));
  };
  refused("hf", "a.safetensors", "writes a folder");
  refused("text-encoder", "a.pt", "writes a folder");
  refused("comfyui", "a", "writes FILE.safetensors");
  refused("upstream", "a.safetensors", "writes FILE.pt");
  refused("openai", "a.safetensors", "writes FILE.pt");
  refused("open_clip", "a.pth", "FILE.bin");
  for (const std::string& format : export_format_names()) {
    if (format != "text-encoder") refused(format.c_str(), "a", "--projection belongs to", {.projection = true});
  }
  check_export("text-encoder", folder / "a", {.projection = true});
  const TextEncoderWeights text = text_encoder_of(stretched_clip(100));
  for (const char* format : {"hf", "open_clip", "upstream", "openai"})
    REQUIRE_THROWS_WITH(export_as(format, text, folder / "a", {}), ContainsSubstring("a text encoder alone"));
  REQUIRE(!fs::exists(folder / "a"));
}

TEST_CASE("Exports: every format holds the weights in half precision, each rounded once", "[train][unit]") {
  const test::TemporaryFolder folder;
  for (const std::string& format : export_format_names()) {
    for (const auto dtype : {at::kHalf, at::kBFloat16}) {
      const ClipWeights clip = stretched_clip(100, [&](Architecture& a) {
        a.embed_dim = 64;  // ComfyUI's projections are square
        if (format == "openai") unstretched(a);
      });
      const bool is_file = format == "upstream" || format == "openai";
      const fs::path out = folder / fmt::format("{}-{}{}", format, c10::toString(dtype), is_file ? ".pt" : format == "comfyui" ? ".safetensors" : "");
      CAPTURE(out);
      export_as(format, clip, out, {.dtype = dtype});
      const AnyWeights back = read_checkpoint(out);
      const TensorMap& rounded = std::visit([](const auto& weights) -> const TensorMap& { return weights.tensors; }, back);
      REQUIRE(rounded.size() > 10);
      for (const auto& [name, tensor] : rounded) {
        CAPTURE(name);
        REQUIRE(at::equal(tensor.to(at::kFloat), clip.tensors.at(name).to(dtype).to(at::kFloat)));
      }
    }
  }
}

TEST_CASE("Exports: a value that does not fit the type is an error that names the tensor", "[train][unit]") {
  REQUIRE_THROWS_WITH(converted({{"x.weight", at::full({2}, 1e9)}}, at::kHalf), ContainsSubstring("x.weight"));
  REQUIRE(export_dtype("bf16") == at::kBFloat16);
  REQUIRE_THROWS_WITH(export_dtype("half"), ContainsSubstring("fp32, fp16, bf16"));
}

}  // namespace longclip
