// dist/gloo_backend.cpp -- Gloo over TCP.
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include <cstdlib>

#include "dist/backends.h"
#include "dist/network.h"

namespace longclip {
namespace {

/// The address at which the other ranks reach this one. Next to rank 0 the way to it is the loopback, which nobody
/// elsewhere can use: there the way to any rank elsewhere decides. Collective.
std::string reachable_address(c10d::Store& store, const LaunchInfo& launch) {
  const auto key = [](int64_t rank) { return "address/" + std::to_string(rank); };
  std::string own = own_address_towards(launch.master_address);
  store.set(key(launch.rank), own);
  for (int64_t rank = 0; is_loopback(own) && rank < launch.world_size; ++rank) {
    if (const std::string other = store.get_to_str(key(rank)); !is_loopback(other)) own = own_address_towards(other);
  }
  return own;
}

}  // namespace

c10::intrusive_ptr<c10d::Backend> make_gloo_backend(const BackendRequest& request) {
  auto options = c10d::ProcessGroupGloo::Options::create(request.timeout);
  const std::string address =
      reachable_address(*request.store, request.launch);  // all ranks, whoever sets the variable
  const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
  options->devices.push_back(interface != nullptr && *interface != '\0'
                                 ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                                 : c10d::ProcessGroupGloo::createDeviceForHostname(address));
  return c10::make_intrusive<c10d::ProcessGroupGloo>(request.store, static_cast<int>(request.launch.rank),
                                                     static_cast<int>(request.launch.world_size), options);
}

}  // namespace longclip
