// train/launched_rank.cpp -- see train/launched_rank.h
#include "train/launched_rank.h"

#include <ATen/Parallel.h>

#include <cstdlib>

#include "base/cores.h"
#include "base/error.h"
#include "base/log.h"
#include "base/signals.h"
#include "train/trainer.h"

namespace longclip {
namespace {

/// Ranks on one machine share its cores: without this each would take all of them. OMP_NUM_THREADS wins.
void share_cores(const LaunchInfo& launch) {
  if (launch.local_world_size == 1 || std::getenv("OMP_NUM_THREADS") != nullptr) return;
  at::set_num_threads(static_cast<int>(cores_for_each(launch.local_world_size)));
}

}  // namespace

int run_as_rank(const RankOptions& options, const std::function<int(const LaunchInfo&, Communicator&, at::Device)>& work) {
  const LaunchInfo launch = LaunchInfo::from_environment();
  const bool by_launcher = launch.launcher != Launcher::kAlone && launch.launcher != Launcher::kPlain;
  if (by_launcher) stop_with_parent();  // torchrun, for one, leaves its ranks running when it is killed
  start_log(launch.log_prefix(), options.log_level);
  share_cores(launch);
  const at::Device device = choose_device(options.device, launch.local_rank);
  Communicator comm = Communicator::connect(launch, options.distributed, device);
  try {
    return work(launch, comm, device);
  } catch (const DistError&) {
    throw;
  } catch (const Stopped&) {  // all ranks stop together; the others leave as if done, while rank 0 may still save
    throw;
  } catch (const std::exception& error) {
    comm.say_farewell(error.what());
    throw;
  }
}

}  // namespace longclip
