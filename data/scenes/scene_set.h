#pragma once
// data/scenes/scene_set.h -- a folder of scenes in the `triples` format: images/000000.png ... and triples.jsonl.

#include <cstdint>
#include <filesystem>

namespace longclip {

/// Which scenes of a seed, and how large. Sets that must not share a scene take disjoint ranges of one seed.
struct SceneSetOptions {
  uint64_t seed = 0;
  uint64_t first_index = 0;
  int64_t count = 0;  ///< at least 1
  int side = 64;      ///< pixels
};

/// Writes the set into `folder`, one line {"image","long","short"} per scene in the order of the index; equal options
/// give equal bytes. The folder appears complete or not at all: until then it is called FOLDER.partial, which a later
/// call replaces. Throws InputError if `folder` exists or an option is out of range, Stopped on a stop signal.
void write_scene_set(const std::filesystem::path& folder, const SceneSetOptions& options);

}  // namespace longclip
