#pragma once
// checkpoint/checkpoint_folder.h -- a run's checkpoints on disk: RUN/checkpoints/step_00001200/, RUN/checkpoints/latest, and with
// checkpoint.keep_best RUN/checkpoints/best.
// Byte-level description: docs/checkpoint_format.md.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "checkpoint/checkpoint_config.h"
#include "checkpoint/run_state.h"
#include "tensors/tensor_map.h"

namespace longclip {

/// Everything that one checkpoint holds.
struct Checkpoint {
  TensorMap model;         ///< upstream names, one folded positional_embedding
  Json architecture;       ///< model.json
  TensorMap optimizer;     ///< moments and step counts
  RunState state;
  std::string config_yaml;  ///< the effective config
};

/// Writes RUN/checkpoints/step_N (N = state.step), then makes `latest` name it, and `best` if N is state.best_step. The folder is written beside, every file
/// synced, and renamed when complete, so a kill at any moment leaves the older checkpoints and `latest` valid.
/// Throws std::runtime_error with the system's reason (disk full); what was begun is removed.
void save_checkpoint(const std::filesystem::path& run_dir, const Checkpoint& checkpoint);

/// Reads a checkpoint folder and verifies the size and SHA-256 of every file. Throws DataError that names the file.
Checkpoint load_checkpoint(const std::filesystem::path& folder);

/// Complete checkpoints of a run, oldest first.
std::vector<std::filesystem::path> list_checkpoints(const std::filesystem::path& run_dir);

/// The newest checkpoint that verifies: the one of the highest step, else the ones before it, each refused one with a
/// warning that names it. Empty where there is no checkpoint; throws DataError where there are some but none verifies.
std::optional<Checkpoint> load_newest_checkpoint(const std::filesystem::path& run_dir);

/// When a run goes back to the checkpoint of `step`: makes `latest` name that one, and renames the newer ones to
/// step_N.set_aside, which nothing reads or removes.
void set_aside_newer_checkpoints(const std::filesystem::path& run_dir, int64_t step);

/// Removes what a killed process left of a checkpoint. REQUIRES: no one writes to this run.
void remove_unfinished_checkpoints(const std::filesystem::path& run_dir);

/// The checkpoint that RUN/checkpoints/best names, if it is there.
std::optional<std::filesystem::path> best_checkpoint(const std::filesystem::path& run_dir);

/// When a run goes on with a state in which the checkpoint of `step` is the best (0: none): makes `best` name it if it is there,
/// and otherwise removes `best`.
void restore_best_checkpoint(const std::filesystem::path& run_dir, int64_t step);

/// Removes what `config` does not keep, oldest first; never the newest, and never the best.
void remove_old_checkpoints(const std::filesystem::path& run_dir, const CheckpointConfig& config);

}  // namespace longclip
