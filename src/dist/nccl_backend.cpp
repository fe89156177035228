// dist/nccl_backend.cpp -- NCCL. Built only with CUDA.
#include <nccl.h>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include "base/error.h"
#include "dist/backends.h"

namespace longclip {

c10::intrusive_ptr<c10d::Backend> make_nccl_backend(const BackendRequest& request) {
  int loaded = 0;
  ncclGetVersion(&loaded);
  // ProcessGroupNCCL::Options embeds structs of nccl.h: another version would corrupt memory silently.
  require<DistError>(loaded == NCCL_VERSION_CODE,
                     "NCCL {} was loaded, but this program was built with the header of {}", loaded, NCCL_VERSION_CODE);
  auto options = c10d::ProcessGroupNCCL::Options::create(/*is_high_priority_stream=*/false);
  options->timeout = request.timeout;
  return c10::make_intrusive<c10d::ProcessGroupNCCL>(request.store, static_cast<int>(request.launch.rank),
                                                     static_cast<int>(request.launch.world_size), options);
}

}  // namespace longclip
