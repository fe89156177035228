#pragma once
// train/launched_rank.h -- a process as one rank of several: what every command does that a launcher may start.

#include <functional>

#include "dist/communicator.h"
#include "report/log_config.h"
#include "train/run_config.h"

namespace longclip {

struct RankOptions {
  LogLevel log_level = LogLevel::kInfo;
  DeviceChoice device = DeviceChoice::kAuto;
  DistributedConfig distributed = {};
};

/// Finds out who this process is among the ranks (alone, if nobody says), shares the cores with the other ranks of the machine,
/// connects and works. When the work fails, the other ranks hear why. Returns what `work` returned. Throws what it threw;
/// Stopped is not told to the others, because a signal comes to all.
int run_as_rank(const RankOptions& options, const std::function<int(const LaunchInfo&, Communicator&, at::Device)>& work);

}  // namespace longclip
