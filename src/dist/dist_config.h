#pragma once
// dist/dist_config.h -- the `distributed` section: how ranks talk to each other. Which ranks there are comes from the
// launcher, never from the config.

#include "base/config_field.h"

namespace longclip {

enum class Backend { kAuto, kGloo, kNccl };
template <> struct EnumNames<Backend> {
  static constexpr std::array kNames{std::pair{Backend::kAuto, "auto"}, std::pair{Backend::kGloo, "gloo"},
                                     std::pair{Backend::kNccl, "nccl"}};
};

struct DistributedConfig {
  Backend backend = Backend::kAuto;
  int64_t timeout_seconds = 600;

  bool operator==(const DistributedConfig&) const = default;

  template <class Self, class Visitor> static void fields(Self& self, Visitor&& visit) {
    visit("backend", self.backend, {"`auto`: `nccl` where the ranks have GPUs, else `gloo`."});
    visit("timeout_seconds", self.timeout_seconds,
          {"Seconds that a rank waits for the others before the run ends with exit code 3."});
  }
  void validate(const RejectField& reject) const {
    if (timeout_seconds < 1) reject("timeout_seconds", "must be at least 1");
  }
};

}  // namespace longclip
