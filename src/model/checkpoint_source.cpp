// model/checkpoint_source.cpp -- see model/checkpoint_source.h
#include "model/checkpoint_source.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "model/clip_file.h"
#include "model/hf_config.h"
#include "tensors/shard_index.h"
#include "tensors/tensor_file.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

using Stated = CheckpointSource::Stated;

constexpr uint64_t kMaxJsonBytes = uint64_t{64} << 20;
constexpr const char* kOpenClipConfig = "open_clip_config.json";

Json read_json(const fs::path& path) {
  return parse_json(read_file(path, kMaxJsonBytes), path.string(), {.max_values = kMaxCheckpointValues});
}

/// All shards that the index names, as one file.
TensorFile read_shards(const fs::path& folder, const fs::path& index_path, const TensorRequest& request) {
  const auto shards = parse_shard_index(read_file(index_path, kMaxJsonBytes), index_path.string());
  for (const auto& [file, names] : shards) {
    require<DataError>(fs::is_regular_file(folder / file),
                       "{}: {} is missing from the folder ({} tensors are in it); download it again", folder.string(),
                       file, names.size());
  }
  TensorFile all{.format = "safetensors"};
  for (const auto& [file, names] : shards) {
    TensorFile shard = read_tensor_file(folder / file, request);
    for (const std::string& name : names) {
      require<DataError>(shard.tensors.contains(name) || (request.wanted && !request.wanted(name)),
                         "{}: does not hold '{}', which {} promises", (folder / file).string(), name,
                         index_path.string());
    }
    all.tensors.merge(shard.tensors);
  }
  return all;
}

/// A config and the names of the weights that it describes, the preferred one first.
struct Layout {
  const char* config;
  Stated stated;
  std::vector<std::string> weights;
};

/// In the order in which a folder is searched. A name that stands in two of them is that of the first whose config is there.
const std::vector<Layout>& layouts() {
  static const std::vector<Layout> all{
      {kArchitectureFile, Stated::kOwn, {kModelFile}},
      {"config.json",
       Stated::kHuggingFace,
       {kModelFile, "pytorch_model.bin", "model.safetensors.index.json", "pytorch_model.bin.index.json"}},
      {kOpenClipConfig,
       Stated::kOpenClip,
       {"open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin"}}};
  return all;
}

CheckpointSource source_of(const fs::path& config, Stated stated, const fs::path& weights, const fs::path& where) {
  CheckpointSource source{weights, stated, read_json(config), where.string()};
  if (stated == Stated::kHuggingFace && is_hf_text_config(source.config)) source.stated = Stated::kHuggingFaceText;
  return source;
}

/// RUN/checkpoints/latest or best.
bool names_checkpoint(const fs::path& path) {
  const std::string name = path.filename().string();
  return (name == "latest" || name == "best") && fs::is_regular_file(path) && fs::file_size(path) < 4096;
}

/// The folder that `checkpoints/latest` (or best) of a run folder names.
fs::path named_checkpoint(const fs::path& latest) {
  std::string name = read_file(latest, 4096);
  while (!name.empty() && (name.back() == '\n' || name.back() == '\r' || name.back() == ' ')) name.pop_back();
  require<DataError>(!name.empty() && name.find('/') == std::string::npos && name != "..",
                     "{}: does not name a checkpoint folder", latest.string());
  const fs::path folder = latest.parent_path() / name;
  require<DataError>(fs::is_directory(folder), "{}: names {}, which is not there", latest.string(), folder.string());
  return folder;
}

/// Nothing, if the folder holds no checkpoint.
std::optional<CheckpointSource> find_in_folder(const fs::path& folder) {
  for (const Layout& layout : layouts()) {
    if (!fs::exists(folder / layout.config)) continue;
    const auto weights =
        std::ranges::find_if(layout.weights, [&](const std::string& name) { return fs::exists(folder / name); });
    if (weights != layout.weights.end())
      return source_of(folder / layout.config, layout.stated, folder / *weights, folder);
    if (layout.stated == Stated::kOwn)  // reading says that they are missing
      return source_of(folder / layout.config, layout.stated, folder / layout.weights.front(), folder);
    require<DataError>(
        layout.stated != Stated::kOpenClip,
        "{}: {} without weights: neither open_clip_model.safetensors nor open_clip_pytorch_model.bin is here",
        folder.string(), kOpenClipConfig);
  }
  return std::nullopt;
}

/// By its name among those that belong to a config beside it, whatever other weights are there; nothing without one.
std::optional<CheckpointSource> find_beside(const fs::path& file) {
  for (const Layout& layout : layouts()) {
    const fs::path config = file.parent_path() / layout.config;
    const bool belongs = std::ranges::count(layout.weights, file.filename().string()) > 0;
    if (belongs && fs::exists(config)) return source_of(config, layout.stated, file, file);
  }
  return std::nullopt;
}

CheckpointSource find_folder(const fs::path& folder) {
  if (const fs::path latest = folder / "checkpoints" / "latest"; fs::exists(latest))
    return find_folder(named_checkpoint(latest));
  if (auto found = find_in_folder(folder)) return *std::move(found);
  const bool pipeline = fs::exists(folder / "model_index.json");
  if (!pipeline && fs::exists(folder / "text_encoder" / "config.json"))  // an export for one
    return find_folder(folder / "text_encoder");
  const std::string where = folder.string();
  require<DataError>(!pipeline, "{}: a pipeline of diffusers; name its text encoder, {}", where,
                     (folder / "text_encoder").string());
  require<DataError>(
      !fs::exists(folder / "config.json"),
      "{}: config.json without weights: none of model.safetensors, pytorch_model.bin and their indices is here", where);
  fail<DataError>(
      "{}: no checkpoint here: neither model.json (ours), config.json (Hugging Face), {} (OpenCLIP) nor "
      "checkpoints/latest (a run)",
      where, kOpenClipConfig);
}

}  // namespace

CheckpointSource find_checkpoint(const fs::path& path) {
  if (fs::is_directory(path)) return find_folder(path);
  if (names_checkpoint(path)) return find_folder(named_checkpoint(path));
  if (auto found = find_beside(path)) return *std::move(found);
  return {.file = path, .where = path.string()};
}

TensorFile read_tensors(const CheckpointSource& source, const TensorRequest& request) {
  if (source.file.extension() == ".json") return read_shards(source.file.parent_path(), source.file, request);
  return read_tensor_file(source.file, request);
}

}  // namespace longclip
