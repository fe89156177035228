#pragma once
// train/shared_checkpoint.h -- the checkpoint that all ranks continue from: rank 0 chooses and reads it, the others get it
// from rank 0. So they never disagree, and run.dir has to be visible on rank 0's machine alone.

#include <optional>

#include "dist/communicator.h"
#include "train/run_folder.h"

namespace longclip {

/// find_checkpoint() on rank 0, with the same result or the same InputError on every rank. Collective.
std::optional<Checkpoint> find_shared_checkpoint(const RunConfig& config, const ResumeChoice& resume, Communicator& comm);

}  // namespace longclip
