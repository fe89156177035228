// dist/gloo_backend.cpp -- Gloo over TCP.
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include "dist/backends.h"

namespace longclip {

c10::intrusive_ptr<c10d::Backend> make_gloo_backend(const BackendRequest& request) {
  auto options = c10d::ProcessGroupGloo::Options::create(request.timeout);
  // On one machine the loopback interface always works; createDefaultDevice fails where the host name maps to 127.0.0.1
  // only on some hosts.
  const std::string& master = request.launch.master_address;
  const bool loopback = master == "127.0.0.1" || master == "localhost" || master == "::1";
  options->devices.push_back(loopback ? c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1")
                                      : c10d::ProcessGroupGloo::createDefaultDevice());
  return c10::make_intrusive<c10d::ProcessGroupGloo>(request.store, static_cast<int>(request.launch.rank),
                                                     static_cast<int>(request.launch.world_size), options);
}

}  // namespace longclip
