#pragma once
// tensors/device_memory.h -- memory that a process uses and could use. On a GPU: what torch's allocator gave to tensors; on a CPU:
// resident pages of the process.

#include <c10/core/Device.h>

#include <cstdint>

namespace longclip {

/// Most bytes in use at once since the start of the process or the last reset_peak_memory().
int64_t peak_memory_bytes(c10::Device device);
/// The peak counts from now on. (A CPU's where the system lets a process do that; else it stays.)
void reset_peak_memory(c10::Device device);
/// Bytes in use now.
int64_t current_memory_bytes(c10::Device device);
/// Bytes that this process could still take: of the GPU; of the machine, or of the control group (container, job) it is in.
int64_t free_memory_bytes(c10::Device device);

}  // namespace longclip
