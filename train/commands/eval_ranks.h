#pragma once
// train/commands/eval_ranks.h -- a measurement on one process, or on all ranks that a launcher started.

#include <functional>

#include "dist/communicator.h"
#include "model/clip.h"
#include "train/commands/model_options.h"

namespace longclip {

/// Loads the model on this rank's device and calls `measure`, which is collective and prints on rank 0 alone. Progress is shown
/// by rank 0. Returns kExitDone. Throws what `measure` threw; Stopped where a signal came, also when it stopped another rank first.
int eval_on_ranks(const ModelOptions& options, const std::function<void(const Clip&, const EncodeOptions&, Communicator&)>& measure);

}  // namespace longclip
