// dist/launch_info.cpp -- see dist/launch_info.h
#include "dist/launch_info.h"

#include <charconv>
#include <cstdlib>
#include <optional>

#include "base/error.h"

namespace longclip {
namespace {

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::string found_variables() {
  std::string found;
  for (const char* name : {"RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"}) {
    if (const auto value = variable(name)) found += (found.empty() ? "" : ", ") + std::string(name) + "=" + *value;
  }
  return found;
}

int64_t number(const char* name, std::optional<int64_t> otherwise) {
  const auto value = variable(name);
  if (!value && otherwise) return *otherwise;
  require<InputError>(value.has_value(), "the launcher's variables are incomplete: {} is missing, found {}", name,
                      found_variables());
  int64_t result = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), result);
  require<InputError>(error == std::errc() && end == value->data() + value->size() && result >= 0,
                      "the launcher's variable {}={} is not a whole number", name, *value);
  return result;
}

}  // namespace

LaunchInfo LaunchInfo::from_environment() {
  LaunchInfo info;
  if (!variable("RANK") && !variable("WORLD_SIZE")) return info;
  info.rank = number("RANK", std::nullopt);
  info.world_size = number("WORLD_SIZE", std::nullopt);
  require<InputError>(info.world_size >= 1 && info.rank < info.world_size, "RANK={} must be less than WORLD_SIZE={}",
                      info.rank, info.world_size);
  info.local_rank = number("LOCAL_RANK", info.world_size == 1 ? std::optional<int64_t>(0) : std::nullopt);
  info.local_world_size = number("LOCAL_WORLD_SIZE", info.world_size);
  if (info.world_size > 1) {
    require<InputError>(variable("MASTER_ADDR").has_value(),
                        "the launcher's variables are incomplete: MASTER_ADDR is missing, found {}", found_variables());
    info.master_address = *variable("MASTER_ADDR");
    info.master_port = number("MASTER_PORT", std::nullopt);
    require<InputError>(info.master_port > 0 && info.master_port < 65536, "MASTER_PORT={} is not a port",
                        info.master_port);
  }
  info.agent_serves_store = variable("TORCHELASTIC_USE_AGENT_STORE").value_or("False") == "True";
  info.run_id = variable("TORCHELASTIC_RUN_ID").value_or("none");
  info.attempt = variable("TORCHELASTIC_RESTART_COUNT").value_or("0");
  return info;
}

std::string LaunchInfo::log_prefix() const { return world_size > 1 ? "[rank " + std::to_string(rank) + "] " : ""; }

}  // namespace longclip
