#pragma once
// model/checkpoint_source.h -- the files of a checkpoint: which holds the tensors, and what states the architecture.

#include <filesystem>
#include <string>

#include "base/json.h"
#include "tensors/tensor_map.h"

namespace longclip {

struct CheckpointSource {
  enum class Stated { kNothing, kOwn, kOwnText, kHuggingFace, kHuggingFaceText, kOpenClip };

  std::filesystem::path file;  ///< tensors, or an index of shards
  Stated stated = Stated::kNothing;
  Json config = {};   ///< what states it
  std::string where;  ///< for messages: what the user named
};

/// Finds them; reads the config and no tensors. A file with a name that belongs to a config beside it (`open_clip_*` to
/// OpenCLIP's, pytorch_model.bin to Hugging Face's, ...) is read by that config. Throws DataError that says what was looked for.
CheckpointSource find_checkpoint(const std::filesystem::path& path);

/// The tensors of source.file, from all shards if it is an index.
TensorFile read_tensors(const CheckpointSource& source, const TensorRequest& request);

}  // namespace longclip
