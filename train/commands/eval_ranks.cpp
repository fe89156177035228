// train/commands/eval_ranks.cpp -- see train/commands/eval_ranks.h
#include "train/commands/eval_ranks.h"

#include "base/cores.h"
#include "base/error.h"
#include "base/signals.h"
#include "train/launched_rank.h"

namespace longclip {

int eval_on_ranks(const ModelOptions& options, const std::function<void(const Clip&, const EncodeOptions&, Communicator&)>& measure) {
  return run_as_rank({.device = options.device}, [&](const LaunchInfo& launch, Communicator& comm, at::Device) {
    try {
      const Clip model = load_model(options, launch.local_rank);
      EncodeOptions encode = encode_options(options);
      if (!options.workers) encode.workers = cores_for_each(launch.local_world_size);
      encode.show_progress = comm.rank() == 0;
      measure(model, encode, comm);
    } catch (const DistError&) {
      throw_if_stop_requested();  // the signal came to all ranks; the other one was only quicker
      throw;
    }
    return int{kExitDone};
  });
}

}  // namespace longclip
