// dist/rendezvous.cpp -- see dist/rendezvous.h
#include "dist/rendezvous.h"

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

namespace longclip {

c10::intrusive_ptr<c10d::Store> connect_store(const LaunchInfo& launch, std::chrono::milliseconds timeout) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(launch.master_port);
  options.isServer = !launch.agent_serves_store && launch.rank == 0;
  options.timeout = timeout;
  if (!launch.agent_serves_store) options.numWorkers = static_cast<size_t>(launch.world_size);
  auto store = c10::make_intrusive<c10d::TCPStore>(launch.master_address, options);
  // torchrun keeps one store over restarts: without a prefix a late rank meets its dead predecessor's address.
  return c10::make_intrusive<c10d::PrefixStore>("longclip/" + launch.run_id + "/attempt_" + launch.attempt, store);
}

}  // namespace longclip
