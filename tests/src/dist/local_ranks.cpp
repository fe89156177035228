// tests/src/dist/local_ranks.cpp -- see local_ranks.h
#include "local_ranks.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <stdexcept>
#include <vector>

namespace longclip::test {

int64_t free_port() {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);  // port 0: the system chooses
  socklen_t size = sizeof address;
  const bool bound = listener >= 0 && bind(listener, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  if (listener >= 0) close(listener);
  if (!bound) throw std::runtime_error("no free TCP port on 127.0.0.1");
  return ntohs(address.sin_port);
}

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
