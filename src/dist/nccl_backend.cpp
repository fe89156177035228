// dist/nccl_backend.cpp -- NCCL. Built only with CUDA.
#include <nccl.h>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include <unistd.h>

#include <cstdlib>
#include <exception>

#include "base/error.h"
#include "base/log.h"
#include "dist/backends.h"

namespace longclip {
namespace {

/// NCCL's watchdog reports a collective that timed out by an exception that nobody can catch: it ends in std::terminate.
[[noreturn]] void end_with_peer_lost() {
  try {
    if (const std::exception_ptr error = std::current_exception()) std::rethrow_exception(error);
  } catch (const c10::DistError& error) {
    log_error("another rank was lost: {}", error.what_without_backtrace());
    _exit(kExitPeerLost);
  } catch (const std::exception& error) {
    log_error("{}", error.what());
  } catch (...) {
  }
  std::abort();
}

}  // namespace

c10::intrusive_ptr<c10d::Backend> make_nccl_backend(const BackendRequest& request) {
  int loaded = 0;
  ncclGetVersion(&loaded);
  // ProcessGroupNCCL::Options embeds structs of nccl.h: another version would corrupt memory silently.
  require<DistError>(loaded == NCCL_VERSION_CODE,
                     "NCCL {} was loaded, but this program was built with the header of {}", loaded, NCCL_VERSION_CODE);
  std::set_terminate(end_with_peer_lost);
  auto options = c10d::ProcessGroupNCCL::Options::create(/*is_high_priority_stream=*/false);
  options->timeout = request.timeout;
  return c10::make_intrusive<c10d::ProcessGroupNCCL>(request.store, static_cast<int>(request.launch.rank),
                                                     static_cast<int>(request.launch.world_size), options);
}

}  // namespace longclip
