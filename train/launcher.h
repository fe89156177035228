#pragma once
// train/launcher.h -- `longclip launch`: starts the ranks of one machine, watches them, and ends or restarts them together.

#include <string>
#include <vector>

#include "dist/launch_board.h"

namespace longclip {

struct LaunchPlan {
  LaunchNode node;
  int64_t grace_seconds = 30;              ///< from SIGTERM to SIGKILL after a failure
  std::vector<std::string> arguments;      ///< of `longclip`: train CONFIG ..., or eval retrieval CKPT ...
};

/// The number of GPUs, or 1 where there are none.
int64_t automatic_num_ranks();

/// Runs the ranks to their end and returns the exit code of all: 0; the code of the first rank that failed (128 + signal
/// where a signal ended it), where "peer lost" gives way to the lost peer's own code; 143 or 130 after a signal to a
/// launcher, which is passed on to the ranks. After a failure all ranks of all machines are stopped, and started again
/// while restarts are left; not after wrong input (2) and not after a signal. Throws DistError when node 0's launcher is
/// lost. Only one at a time in a process: it blocks the signals that it waits for.
int launch(const LaunchPlan& plan);

}  // namespace longclip
