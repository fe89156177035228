#pragma once
// train/micro_pairs.h -- memory.micro_pairs_per_rank: auto, the largest part of a step that fits in memory.

#include <functional>

#include "train/step_features.h"

namespace longclip {

/// What a trial of some pairs needed at its peak, in bytes.
using TrialOfPairs = std::function<int64_t(int64_t pairs)>;

/// The most of `pairs` whose memory stays within `limit_bytes`, at least 1: from trials of `trial_pairs` (3 or more) and of a third
/// of them, because memory grows in proportion to the pairs. Where the trial would hold all pairs, they are the answer.
int64_t most_pairs_within(int64_t limit_bytes, int64_t pairs, int64_t trial_pairs, const TrialOfPairs& trial);

/// Pairs that this rank passes through the towers at once. `ranks_here` share a processor's memory. Runs trials (forward and
/// backward with captions that fill every position) only where a rough bound says that memory could be short. Every part gives the
/// same gradient, so ranks may differ. `copies`: how often a part's activations are there at once (2: CUDA graphs hold them, and the
/// pass before a recording makes them once more).
int64_t choose_micro_pairs(Clip& model, const ForwardOptions& forward, int64_t pairs, int64_t ranks_here, int64_t copies = 1);

}  // namespace longclip
