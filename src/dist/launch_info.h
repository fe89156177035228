#pragma once
// dist/launch_info.h -- who am I among the ranks: read from the launcher's variables, the only place that reads them.

#include <cstdint>
#include <string>

namespace longclip {

/// Rank numbers as torchrun names them. Alone: rank 0 of 1.
struct LaunchInfo {
  int64_t rank = 0;
  int64_t world_size = 1;
  int64_t local_rank = 0;
  int64_t local_world_size = 1;  ///< ranks on this machine (LOCAL_WORLD_SIZE; all of them where it is not set)
  std::string master_address = "127.0.0.1";
  int64_t master_port = 29500;
  bool agent_serves_store = false;  ///< torchrun's agent holds the store; every rank is a client
  std::string run_id = "none";      ///< prefix of all keys, so that an earlier attempt's keys are never read
  std::string attempt = "0";

  /// RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT and torchrun's TORCHELASTIC_* variables; alone where neither
  /// RANK nor WORLD_SIZE is set. Throws InputError that lists what was found where the set is incomplete or not numbers.
  static LaunchInfo from_environment();
  /// "[rank 3] " with several ranks, else "".
  std::string log_prefix() const;
};

}  // namespace longclip
