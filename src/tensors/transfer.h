#pragma once
// tensors/transfer.h -- from the host's memory to a device without waiting for what the device has in work.

#include <ATen/core/Tensor.h>

namespace longclip {

/// host: on the CPU. To a GPU by way of pinned memory; the caching host allocator keeps that until the copy is done.
inline at::Tensor to_device(const at::Tensor& host, at::Device device) {
  return device.is_cuda() ? host.pin_memory().to(device, /*non_blocking=*/true) : host.to(device);
}

}  // namespace longclip
