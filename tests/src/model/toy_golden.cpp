// tests/src/model/toy_golden.cpp -- see toy_golden.h
#include "toy_golden.h"

#include <ATen/ops/from_blob.h>

#include "base/file.h"
#include "model/stretch.h"
#include "support/published_longclip.h"
#include "support/reference_data.h"
#include "tensors/safetensors.h"
#include "support/catch.h"

namespace longclip::test {

std::vector<std::filesystem::path> toy_folders() {
  std::vector<std::filesystem::path> folders{committed_golden_dir()};
  if (const auto original = golden_dir()) {
    folders.push_back(*original);
  } else {
    say_skipped("the comparison with the original implementation", "../shared/golden (or LONGCLIP_GOLDEN_DIR)");
  }
  return folders;
}

Json read_json(const std::filesystem::path& path) { return parse_json(read_file(path), path.string()); }

Toy::Toy(const std::filesystem::path& reference) : folder(reference), config(read_json(reference / "toy_config.json")) {
  const auto size = [&](const char* key) { return config.at(key).get<int64_t>(); };
  const auto tower = [&](const std::string& name) {
    const int64_t width = size((name + "_width").c_str());
    return TowerSize{width, size((name + "_layers").c_str()), size((name + "_heads").c_str()), 4 * width};
  };
  rows = size("n");
  if (config.contains("pcm_components")) components = size("pcm_components");
  architecture.image_size = size("image");
  architecture.patch_size = size("patch");
  architecture.vision = tower("vision");
  architecture.text = tower("text");
  architecture.vocabulary_size = size("vocab");
  architecture.eos_id = size("eot");
  architecture.embed_dim = size("embed_dim");
  architecture.context_length = size("long_context");
  architecture.stretch = Stretch{.keep = 20, .ratio = 4, .source_length = size("context")};
  stretched_weights = read_safetensors(folder / "toy_clip_state.safetensors").tensors;
  at::Tensor& table = stretched_weights.at("positional_embedding");
  table = stretch_positions(table, {.keep = 20, .ratio = 4});
  batch = read_safetensors(folder / "toy_batch.safetensors").tensors;
  forward = read_safetensors(folder / "toy_forward.safetensors").tensors;
}

Clip Toy::model(at::ScalarType dtype) const {
  Clip clip(architecture, stretched_weights);
  clip.to(at::kCPU, dtype);
  return clip;
}

at::Tensor Toy::pixels(int64_t first, int64_t count) const { return batch.at("pixels").narrow(0, first, count); }

PackedTexts Toy::texts(const std::string& key, int64_t first, int64_t count) const {
  const at::Tensor ids_BL = batch.at(key).narrow(0, first, count).contiguous();
  std::vector<std::vector<int32_t>> ids;
  for (int64_t i = 0; i < count; ++i) {
    const auto* row = ids_BL.const_data_ptr<int64_t>() + i * ids_BL.size(1);
    ids.emplace_back(row, row + ids_BL.size(1));
  }
  return pack_texts(ids, architecture.eos_id, architecture.context_length, at::kCPU);
}

at::Tensor sampled(const at::Tensor& whole, const at::Tensor& stored) {
  const at::Tensor flat = whole.detach().flatten();
  return flat.numel() == stored.numel() ? flat.view(stored.sizes()) : flat.slice(0, 0, c10::nullopt, 37);
}

double max_difference(const at::Tensor& a, const at::Tensor& b) {
  return a.detach().to(at::kDouble).sub(b.detach().to(at::kDouble)).abs().max().item<double>();
}

at::Tensor published_table(const std::string& name, int64_t rows, int64_t width) {
  std::string raw = PublishedPickle("positional_embeddings_b.pkl").tensor_bytes(name, static_cast<size_t>(rows * width) * sizeof(float));
  return at::from_blob(raw.data(), {rows, width}, at::kFloat).clone();
}

}  // namespace longclip::test
