// tests/bench/machine.cpp -- see machine.h
#include "machine.h"

#include <sys/resource.h>
#include <torch/cuda.h>

#include <fstream>

#ifdef LONGCLIP_WITH_CUDA
#include <ATen/cuda/CUDAContextLight.h>
#endif

namespace longclip::bench {

std::string device_name(at::Device device) {
#ifdef LONGCLIP_WITH_CUDA
  if (device.is_cuda()) return at::cuda::getDeviceProperties(device.index())->name;
#endif
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return device.str();
}

void synchronize(at::Device device) {
  if (device.is_cuda()) torch::cuda::synchronize(device.index());
}

double processor_seconds_now() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace longclip::bench
