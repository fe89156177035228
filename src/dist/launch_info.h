#pragma once
// dist/launch_info.h -- who am I among the ranks: read from the launcher's variables, the only place that reads them.

#include <cstdint>
#include <string>

namespace longclip {

/// Who started this process.
enum class Launcher {
  kAlone,     ///< nobody: rank 0 of 1
  kPlain,     ///< RANK and WORLD_SIZE set by hand
  kTorchrun,  ///< torchrun or `longclip launch`, which gives its ranks torchrun's variables
  kOpenMpi,   ///< mpirun
  kSlurm,     ///< srun
};

/// Rank numbers as torchrun names them. Alone: rank 0 of 1.
struct LaunchInfo {
  Launcher launcher = Launcher::kAlone;
  int64_t rank = 0;
  int64_t world_size = 1;
  int64_t local_rank = 0;
  int64_t local_world_size = 1;  ///< ranks on this machine (all of them where the launcher does not say)
  std::string master_address = "127.0.0.1";
  int64_t master_port = 29500;      ///< 0: not given; the ranks agree on one (dist/rendezvous.h)
  bool agent_serves_store = false;  ///< the launcher holds the store; every rank is a client
  std::string run_id = "none";      ///< prefix of all keys, so that another run's keys are never read
  std::string attempt = "0";        ///< how often the launcher has started the ranks again

  /// The first of these that is there: RANK, WORLD_SIZE (with LOCAL_RANK, MASTER_ADDR, MASTER_PORT and torchrun's
  /// TORCHELASTIC_*); OMPI_COMM_WORLD_*; SLURM_* of a job step. The variables of a batch script or of salloc are no step:
  /// a process there is alone. Throws InputError that lists what was found where the set is incomplete or not numbers.
  static LaunchInfo from_environment();
  /// "[rank 3] " with several ranks, else "".
  std::string log_prefix() const;
};

}  // namespace longclip
