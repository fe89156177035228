#pragma once
// dist/backends.h -- makes the c10d backend of a process group. Which files exist decides what a build can do.

#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include <chrono>

#include "dist/launch_info.h"

namespace longclip {

/// What both backends need.
struct BackendRequest {
  c10::intrusive_ptr<c10d::Store> store;
  const LaunchInfo& launch;
  std::chrono::milliseconds timeout;
};

/// Gloo: tensors in main memory.
c10::intrusive_ptr<c10d::Backend> make_gloo_backend(const BackendRequest& request);
/// NCCL on the current CUDA device. Throws DistError where nccl.h and the loaded library differ in version.
c10::intrusive_ptr<c10d::Backend> make_nccl_backend(const BackendRequest& request);

}  // namespace longclip
