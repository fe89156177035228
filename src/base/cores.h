#pragma once
// base/cores.h -- how many processor cores a process may count on.

#include <algorithm>
#include <cstdint>
#include <thread>

namespace longclip {

/// Cores of this machine for each of `processes` that share it; at least 1.
inline int64_t cores_for_each(int64_t processes = 1) {
  return std::max<int64_t>(1, static_cast<int64_t>(std::thread::hardware_concurrency()) / processes);
}

}  // namespace longclip
