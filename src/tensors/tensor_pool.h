#pragma once
// tensors/tensor_pool.h -- where a training run on a CPU keeps its large tensors: one stretch of memory, in which a freed
// tensor's place is used again, as torch's caching allocator does it on a GPU.
// Why: a step frees and takes gigabytes. A page that comes anew from the system is cleared first (8 % of a step), and in the heap of the C
// library small objects settle between freed activations, so that gradients, which are larger, no longer fit there (docs/performance.md).

namespace longclip {

/// From now on torch takes CPU tensors of at least 128 KiB from the pool, smaller ones from where it took them before. Once is enough; for
/// the rest of the process. False, and nothing changes: the system grants no such address space (ulimit -v), or AddressSanitizer
/// watches, which sees the ends of tensors only in its own heap.
bool use_tensor_pool();

/// Gives the memory in the pool that no tensor uses back to the system.
void release_unused_pool();

}  // namespace longclip
