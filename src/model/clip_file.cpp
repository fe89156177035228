// model/clip_file.cpp -- finds the files, reads or infers the architecture, checks every tensor.
#include "model/clip_file.h"

#include <ATen/ops/isfinite.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "model/hf_config.h"
#include "model/weight_names.h"
#include "tensors/safetensors.h"
#include "tensors/shape.h"
#include "tensors/shard_index.h"
#include "tensors/tensor_file.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

constexpr uint64_t kMaxJsonBytes = uint64_t{64} << 20;
constexpr int64_t kHeadWidth = 64;  // of every OpenAI CLIP
constexpr int64_t kUpstreamLength = 248;

Json read_json(const fs::path& path) { return parse_json(read_file(path, kMaxJsonBytes), path.string()); }

std::string joined(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ", ") + item;
  return text;
}

/// Float32, all names and shapes of the architecture, all finite; else one error that lists everything.
TensorMap checked(TensorMap tensors, const Architecture& architecture, const std::string& where) {
  std::vector<std::string> problems;
  const auto shapes = weight_shapes(architecture);
  for (const auto& [name, shape] : shapes) {
    const auto found = tensors.find(name);
    if (found == tensors.end()) {
      problems.push_back("missing: " + name + " " + shape_text(shape));
      continue;
    }
    at::Tensor& tensor = found->second;
    if (tensor.sizes() != at::IntArrayRef(shape))
      problems.push_back("misshapen: " + name + " is " + shape_text(tensor.sizes()) + ", wanted is " +
                         shape_text(shape));
    else if (!tensor.is_floating_point())
      problems.push_back("not floating point: " + name);
    else {
      tensor = tensor.to(at::kFloat).contiguous();
      if (!at::isfinite(tensor).all().item<bool>()) problems.push_back("holds NaN or infinity: " + name);
    }
  }
  for (const auto& [name, tensor] : tensors) {
    if (!shapes.contains(name)) problems.push_back("not known: " + name + " " + shape_text(tensor.sizes()));
  }
  require<DataError>(problems.empty(), "{}: these weights do not fit the model:{}", where, list_text(problems));
  return tensors;
}

/// A shape the architecture is inferred from.
at::IntArrayRef sizes_of(const TensorMap& tensors, const std::string& name, int64_t dimensions,
                         const std::string& where) {
  const auto found = tensors.find(name);
  require<DataError>(found != tensors.end(), "{}: these weights do not fit the model:\n  missing: {}", where, name);
  require<DataError>(found->second.dim() == dimensions, "{}: {} is {}, {} dimensions are wanted", where, name,
                     shape_text(found->second.sizes()), dimensions);
  return found->second.sizes();
}

int64_t heads_of(int64_t width, const char* tower, const std::string& where) {
  require<DataError>(width % kHeadWidth == 0 && width > 0,
                     "{}: the {} width {} is no multiple of 64, so the number of heads cannot be told from the shapes; "
                     "use a Hugging Face folder, whose config.json states it",
                     where, tower, width);
  return width / kHeadWidth;
}

Architecture inferred_architecture(const TensorMap& tensors, const std::string& where) {
  Architecture a;
  const LayerCounts layers = count_layers(tensors);
  const auto sizes = [&](const std::string& name, int64_t dimensions) {
    return sizes_of(tensors, name, dimensions, where);
  };
  const auto tower = [&](const std::string& prefix, int64_t width, int64_t num_layers, const char* name) {
    return TowerSize{.width = width,
                     .layers = num_layers,
                     .heads = heads_of(width, name, where),
                     .mlp_width = sizes(prefix + "resblocks.0.mlp.c_fc.weight", 2)[0]};
  };
  const auto patches = sizes("visual.conv1.weight", 4);
  const auto vocabulary = sizes("token_embedding.weight", 2);
  const int64_t num_patches = sizes("visual.positional_embedding", 2)[0] - 1;
  const auto grid =
      static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(std::max<int64_t>(num_patches, 0)))));
  require<DataError>(grid > 0 && grid * grid == num_patches,
                     "{}: visual.positional_embedding has {} rows, which is no square and one", where, num_patches + 1);
  a.patch_size = patches[3];
  a.image_size = a.patch_size * grid;
  a.vision = tower("visual.transformer.", patches[0], layers.vision, "image");
  a.text = tower("transformer.", vocabulary[1], layers.text, "text");
  a.context_length = sizes("positional_embedding", 2)[0];
  a.vocabulary_size = vocabulary[0];
  a.eos_id = a.vocabulary_size - 1;
  a.embed_dim = sizes("text_projection", 2)[1];
  try {
    a.validate();
  } catch (const InputError& error) {
    fail<DataError>("{}: {}", where, error.what());
  }
  return a;
}

/// Weights from another program. `config`: of Hugging Face, where there is one.
ClipWeights from_foreign(TensorFile file, const Json* config, const std::string& where) {
  ClipWeights clip{.architecture = {}, .tensors = {}, .source_format = file.format, .notes = {}};
  if (!file.ignored.empty()) clip.notes.push_back("not weights, left out: " + joined(file.ignored));
  TensorMap tensors = find_clip_weights(std::move(file.tensors), where, clip.notes);
  if (has_huggingface_names(tensors)) tensors = to_openai_names(std::move(tensors), where);
  const bool two_tables = fold_two_tables(tensors, where);
  if (config != nullptr) {
    clip.architecture = architecture_from_hf_config(*config, where, clip.notes);
    clip.source_format = "Hugging Face";
  } else {
    clip.architecture = inferred_architecture(tensors, where);
    clip.notes.push_back(
        "sizes taken from the shapes; heads = width / 64 and QuickGELU assumed, as in OpenAI's models");
  }
  if (two_tables)
    clip.notes.push_back(
        "two position tables folded into one: rows 0..19 of positional_embedding, the others of "
        "positional_embedding_res");
  if (two_tables && clip.architecture.context_length == kUpstreamLength && !clip.architecture.stretch) {
    clip.architecture.stretch = Stretch{.keep = 20, .ratio = 4, .source_length = 77};
  }
  clip.tensors = checked(std::move(tensors), clip.architecture, where);
  return clip;
}

ClipWeights from_own(TensorFile file, const Json& architecture, const std::string& where) {
  ClipWeights clip{.architecture = architecture_from_json(architecture, where), .tensors = {}};
  clip.tensors = checked(std::move(file.tensors), clip.architecture, where);
  return clip;
}

/// All shards that the index names, as one file.
TensorFile read_shards(const fs::path& folder, const fs::path& index_path) {
  const auto shards = parse_shard_index(read_file(index_path, kMaxJsonBytes), index_path.string());
  for (const auto& [file, names] : shards) {
    require<DataError>(fs::is_regular_file(folder / file),
                       "{}: {} is missing from the folder ({} tensors are in it); download it again", folder.string(),
                       file, names.size());
  }
  TensorFile all{.format = "safetensors"};
  for (const auto& [file, names] : shards) {
    TensorFile shard = read_tensor_file(folder / file);
    for (const std::string& name : names) {
      require<DataError>(shard.tensors.contains(name), "{}: does not hold '{}', which {} promises",
                         (folder / file).string(), name, index_path.string());
    }
    all.tensors.merge(shard.tensors);
  }
  return all;
}

ClipWeights read_huggingface(const fs::path& folder) {
  const Json config = read_json(folder / "config.json");
  const std::string where = folder.string();
  for (const char* name : {kModelFile, "pytorch_model.bin"}) {
    if (fs::exists(folder / name)) return from_foreign(read_tensor_file(folder / name), &config, where);
  }
  for (const char* name : {"model.safetensors.index.json", "pytorch_model.bin.index.json"}) {
    if (fs::exists(folder / name)) return from_foreign(read_shards(folder, folder / name), &config, where);
  }
  fail<DataError>(
      "{}: config.json without weights: none of model.safetensors, pytorch_model.bin and their indices is here", where);
}

/// The folder that `checkpoints/latest` of a run folder names.
fs::path latest_checkpoint(const fs::path& latest) {
  std::string name = read_file(latest, 4096);
  while (!name.empty() && (name.back() == '\n' || name.back() == '\r' || name.back() == ' ')) name.pop_back();
  require<DataError>(!name.empty() && name.find('/') == std::string::npos && name != "..",
                     "{}: does not name a checkpoint folder", latest.string());
  const fs::path folder = latest.parent_path() / name;
  require<DataError>(fs::is_directory(folder), "{}: names {}, which is not there", latest.string(), folder.string());
  return folder;
}

ClipWeights read_folder(const fs::path& folder) {
  if (const fs::path latest = folder / "checkpoints" / "latest"; fs::exists(latest))
    return read_folder(latest_checkpoint(latest));
  if (const fs::path json = folder / kArchitectureFile; fs::exists(json)) {
    return from_own(read_safetensors(folder / kModelFile), read_json(json), folder.string());
  }
  if (fs::exists(folder / "config.json")) return read_huggingface(folder);
  fail<DataError>(
      "{}: no checkpoint here: neither model.json (ours), config.json (Hugging Face) nor checkpoints/latest (a run)",
      folder.string());
}

}  // namespace

ClipWeights read_clip(const fs::path& path) {
  if (fs::is_directory(path)) return read_folder(path);
  TensorFile file = read_tensor_file(path);
  const auto own = file.metadata.find(kMetadataKey);
  if (own == file.metadata.end()) return from_foreign(std::move(file), nullptr, path.string());
  const Json architecture = parse_json(own->second, path.string() + ": metadata '" + kMetadataKey + "'");
  return from_own(std::move(file), architecture, path.string());
}

void check_may_write(const fs::path& out, bool overwrite) {
  require<InputError>(overwrite || !fs::exists(out) || (fs::is_directory(out) && fs::is_empty(out)),
                      "{}: exists already; name another output, remove it, or give --overwrite", out.string());
}

void write_clip(const fs::path& out, const ClipWeights& weights, bool overwrite) {
  check_may_write(out, overwrite);
  const Json architecture = to_json(weights.architecture);
  const std::map<std::string, std::string> metadata{{kMetadataKey, to_json_line(architecture)}};
  if (out.extension() == ".safetensors") return write_safetensors(out, weights.tensors, metadata);
  write_safetensors(out / kModelFile, weights.tensors, metadata);
  write_file_atomically(out / kArchitectureFile,
                        architecture.dump(2) + "\n");  // last: without it this is no checkpoint
}

}  // namespace longclip
