// tensors/device_memory.cpp -- torch's allocator statistics; /proc and /sys/fs/cgroup of Linux.
#include "tensors/device_memory.h"

#include <c10/core/CachingDeviceAllocator.h>
#include <malloc.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>

#include "tensors/tensor_pool.h"

namespace longclip {
namespace {

/// The number after `key` in a file of "key: number kB" or "key number" lines.
std::optional<int64_t> number_after(const char* file, const std::string& key) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(key)) continue;
    const size_t digit = line.find_first_of("0123456789", key.size());
    if (digit != std::string::npos) return std::stoll(line.substr(digit));
  }
  return std::nullopt;
}

int64_t kilobytes_of_process(const char* key) { return number_after("/proc/self/status", key).value_or(0) * 1024; }

/// What the control group of version 2 that is mounted here leaves; its page cache can be given back.
std::optional<int64_t> left_in_control_group() {
  const auto limit = number_after("/sys/fs/cgroup/memory.max", ""), used = number_after("/sys/fs/cgroup/memory.current", "");
  if (!limit || !used) return std::nullopt;  // "max": no limit
  const int64_t cache = number_after("/sys/fs/cgroup/memory.stat", "inactive_file ").value_or(0);
  return std::max<int64_t>(0, *limit - *used + cache);
}

constexpr auto kAll = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);

}  // namespace

int64_t peak_memory_bytes(c10::Device device) {
  if (!device.is_cuda()) return kilobytes_of_process("VmHWM:");
  return c10::getDeviceAllocator(device.type())->getDeviceStats(device.index()).allocated_bytes[kAll].peak;
}

void reset_peak_memory(c10::Device device) {
  if (device.is_cuda()) c10::getDeviceAllocator(device.type())->resetPeakStats(device.index());
  else {
    release_unused_pool();  // what was freed before is not in use
#ifdef __GLIBC__
    malloc_trim(0);
#endif
    std::ofstream("/proc/self/clear_refs") << 5;  // VmHWM becomes VmRSS: proc(5)
  }
}

int64_t current_memory_bytes(c10::Device device) {
  if (!device.is_cuda()) return kilobytes_of_process("VmRSS:");
  return c10::getDeviceAllocator(device.type())->getDeviceStats(device.index()).allocated_bytes[kAll].current;
}

int64_t free_memory_bytes(c10::Device device) {
  if (device.is_cuda()) {
    auto* allocator = c10::getDeviceAllocator(device.type());
    const auto stats = allocator->getDeviceStats(device.index());
    const auto kept = stats.reserved_bytes[kAll].current - stats.allocated_bytes[kAll].current;  // torch's, but in no tensor
    return static_cast<int64_t>(allocator->getMemoryInfo(device.index()).first) + kept;
  }
  release_unused_pool();  // what it holds back is free, and is not to count as in use
  const int64_t machine = number_after("/proc/meminfo", "MemAvailable:").value_or(0) * 1024;
  return std::min(machine, left_in_control_group().value_or(machine));
}

}  // namespace longclip
