#pragma once
// tests/src/dist/local_ranks.h -- several ranks on this machine, over Gloo and a store on a free port.

#include <cstdint>
#include <functional>

#include "dist/communicator.h"
#include "support/free_port.h"

namespace longclip::test {

/// Rank `rank` of `world_size` that meet at 127.0.0.1:`port`.
LaunchInfo local_launch(int64_t rank, int64_t world_size, int64_t port);

/// Runs `body` once a rank, each in its own thread with its own Communicator, and waits for all. What a rank throws is
/// thrown again here. Catch's assertions are not for several threads: `body` stores what the test checks afterwards.
void run_ranks(int64_t world_size, const std::function<void(Communicator&)>& body);

}  // namespace longclip::test
