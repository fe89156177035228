#pragma once
// tests/bench/machine.h -- the device a benchmark runs on: its name, its queue, its time.

#include <c10/core/Device.h>

#include <cstdint>
#include <string>

namespace longclip::bench {

/// "NVIDIA H100 80GB HBM3", or the processor's name from /proc/cpuinfo.
std::string device_name(at::Device device);
/// Waits until the device has done what it was told. Nothing to do on a CPU.
void synchronize(at::Device device);
/// Seconds that all threads of this process have computed so far: what a step costs, whatever else the machine does.
double processor_seconds_now();

}  // namespace longclip::bench
