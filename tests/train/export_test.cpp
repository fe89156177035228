// tests/train/export_test.cpp -- train/export: folders and files for other programs, read back by our own readers.
// That transformers and torch themselves load them is shown by tests/python.
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "model/weight_names.h"
#include "support/reference_data.h"
#include "tensors/pt_file.h"
#include "tensors/safetensors.h"
#include "text/tokenizer.h"
#include "train/export/hf_export.h"
#include "train/export/upstream_export.h"
#include "support/catch.h"

namespace longclip {
namespace {

namespace fs = std::filesystem;

ClipWeights stretched_clip(int64_t vocabulary_size) {
  const Architecture architecture{.image_size = 16,
                                  .patch_size = 8,
                                  .vision = {64, 1, 1, 256},
                                  .text = {64, 1, 1, 256},
                                  .context_length = 248,
                                  .vocabulary_size = vocabulary_size,
                                  .eos_id = vocabulary_size - 1,
                                  .embed_dim = 24,
                                  .stretch = Stretch{.keep = 20, .ratio = 4, .source_length = 77}};
  ClipWeights clip{.architecture = architecture, .tensors = {}};
  for (const auto& [name, shape] : weight_shapes(architecture)) clip.tensors[name] = at::randn(shape);
  return clip;
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
  export_upstream(clip, folder / "longclip.pt", {});
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

TEST_CASE("UpstreamExport: what upstream's code would read wrongly is refused with the way out", "[train][unit]") {
  const test::TemporaryFolder folder;
  const auto refused = [&](auto change, const std::string& part) {
    ClipWeights clip = stretched_clip(100);
    change(clip);
    REQUIRE_THROWS_AS(export_upstream(clip, folder / "a.pt", {}), InputError);
    REQUIRE_THROWS_WITH(export_upstream(clip, folder / "a.pt", {}), ContainsSubstring(part));
    REQUIRE(!fs::exists(folder / "a.pt"));
  };
  refused([](ClipWeights& clip) { clip.architecture.context_length = 77; }, "longclip stretch");
  refused([](ClipWeights& clip) { clip.architecture.activation = Activation::kGelu; }, "QuickGELU");
  refused([](ClipWeights& clip) { clip.architecture.text.heads = 2; }, "heads");
  refused([](ClipWeights& clip) { clip.architecture.eos_id = 5; }, "highest id");
}

TEST_CASE("Exports: an existing output is kept unless overwriting was asked for", "[train][unit]") {
  const test::TemporaryFolder folder;
  const ClipWeights clip = stretched_clip(100);
  test::write_text(folder / "a.pt", "mine");
  test::write_text(folder / "hf" / "mine.txt", "mine");
  REQUIRE_THROWS_AS(export_upstream(clip, folder / "a.pt", {}), InputError);
  REQUIRE_THROWS_AS(export_hf(clip, folder / "hf", {}), InputError);
  REQUIRE(test::read_text(folder / "a.pt") == "mine");
  REQUIRE(!fs::exists(folder / "hf" / "config.json"));
  export_upstream(clip, folder / "a.pt", {.overwrite = true});
  export_hf(clip, folder / "hf", {.overwrite = true});
  REQUIRE(same(clip.tensors, read_clip(folder / "hf").tensors));
}

TEST_CASE("Exports: a value that does not fit the type is an error that names the tensor", "[train][unit]") {
  REQUIRE_THROWS_WITH(converted({{"x.weight", at::full({2}, 1e9)}}, at::kHalf), ContainsSubstring("x.weight"));
  REQUIRE(export_dtype("bf16") == at::kBFloat16);
  REQUIRE_THROWS_WITH(export_dtype("half"), ContainsSubstring("fp32, fp16, bf16"));
}

}  // namespace longclip
