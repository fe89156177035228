// tests/src/dist/local_ranks.cpp -- see local_ranks.h
#include "local_ranks.h"

#include <future>
#include <vector>

namespace longclip::test {

LaunchInfo local_launch(int64_t rank, int64_t world_size, int64_t port) {
  LaunchInfo launch;
  launch.rank = launch.local_rank = rank;
  launch.world_size = world_size;
  launch.master_port = port;
  return launch;
}

void run_ranks(int64_t world_size, const std::function<void(Communicator&)>& body) {
  const int64_t port = free_port();
  std::vector<std::future<void>> ranks;
  for (int64_t rank = 0; rank < world_size; ++rank) {
    ranks.push_back(std::async(std::launch::async, [&body, rank, world_size, port] {
      Communicator comm = Communicator::connect(local_launch(rank, world_size, port),
                                                {.backend = Backend::kGloo, .timeout_seconds = 60}, at::kCPU);
      body(comm);
    }));
  }
  for (auto& rank : ranks) rank.wait();
  for (auto& rank : ranks) rank.get();
}

}  // namespace longclip::test
