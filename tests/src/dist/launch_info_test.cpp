// tests/src/dist/launch_info_test.cpp -- dist/launch_info.h
#include "dist/launch_info.h"

#include <cstdlib>
#include <map>
#include <optional>

#include "base/error.h"

#include "support/catch.h"

namespace longclip {
namespace {

/// The launcher's variables are exactly these until the end of the scope.
class LauncherVariables {
 public:
  explicit LauncherVariables(const std::map<std::string, std::string>& values) {
    for (const char* name : kNames) {
      const char* before = std::getenv(name);
      before_[name] = before == nullptr ? std::nullopt : std::optional<std::string>(before);
      unsetenv(name);
    }
    for (const auto& [name, value] : values) setenv(name.c_str(), value.c_str(), 1);
  }
  ~LauncherVariables() {
    for (const auto& [name, value] : before_) value ? setenv(name.c_str(), value->c_str(), 1) : unsetenv(name.c_str());
  }
  LauncherVariables(const LauncherVariables&) = delete;
  LauncherVariables& operator=(const LauncherVariables&) = delete;

 private:
  static constexpr const char* kNames[] = {"RANK",
                                           "WORLD_SIZE",
                                           "LOCAL_RANK",
                                           "LOCAL_WORLD_SIZE",
                                           "MASTER_ADDR",
                                           "MASTER_PORT",
                                           "TORCHELASTIC_USE_AGENT_STORE",
                                           "TORCHELASTIC_RUN_ID",
                                           "TORCHELASTIC_RESTART_COUNT"};
  std::map<std::string, std::optional<std::string>> before_;
};

LaunchInfo launched_with(const std::map<std::string, std::string>& values) {
  const LauncherVariables variables(values);
  return LaunchInfo::from_environment();
}

/// A complete set with some variables replaced; an empty value takes a variable out.
std::map<std::string, std::string> torchrun_set(const std::map<std::string, std::string>& changes = {}) {
  std::map<std::string, std::string> values{
      {"RANK", "3"}, {"WORLD_SIZE", "8"}, {"LOCAL_RANK", "1"}, {"MASTER_ADDR", "node0"}, {"MASTER_PORT", "29400"}};
  for (const auto& [name, value] : changes) values[name] = value;
  return values;
}

}  // namespace

TEST_CASE("LaunchInfo: without a launcher the process is rank 0 of 1", "[unit]") {
  const LaunchInfo alone = launched_with({{"MASTER_ADDR", "node0"}, {"LOCAL_RANK", "2"}});
  REQUIRE(alone.rank == 0);
  REQUIRE(alone.world_size == 1);
  REQUIRE(alone.local_rank == 0);
  REQUIRE(alone.log_prefix().empty());
}

TEST_CASE("LaunchInfo: torchrun's variables are read, and its agent's store and attempt", "[unit]") {
  const LaunchInfo plain = launched_with(torchrun_set());
  REQUIRE(plain.rank == 3);
  REQUIRE(plain.world_size == 8);
  REQUIRE(plain.local_rank == 1);
  REQUIRE(plain.master_address == "node0");
  REQUIRE(plain.master_port == 29400);
  REQUIRE_FALSE(plain.agent_serves_store);
  REQUIRE(plain.log_prefix() == "[rank 3] ");
  const LaunchInfo elastic = launched_with(torchrun_set({{"TORCHELASTIC_USE_AGENT_STORE", "True"},
                                                         {"TORCHELASTIC_RUN_ID", "job7"},
                                                         {"TORCHELASTIC_RESTART_COUNT", "2"}}));
  REQUIRE(elastic.agent_serves_store);
  REQUIRE(elastic.run_id == "job7");
  REQUIRE(elastic.attempt == "2");
}

TEST_CASE("LaunchInfo: half a set is an error that lists what was found", "[unit]") {
  REQUIRE_THROWS_WITH(launched_with({{"RANK", "1"}}), ContainsSubstring("WORLD_SIZE is missing, found RANK=1"));
  REQUIRE_THROWS_WITH(launched_with({{"WORLD_SIZE", "2"}}), ContainsSubstring("RANK is missing, found WORLD_SIZE=2"));
  for (const char* name : {"LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"}) {
    REQUIRE_THROWS_WITH(launched_with(torchrun_set({{name, ""}})),
                        ContainsSubstring(std::string(name) + " is missing, found RANK=3, WORLD_SIZE=8"));
  }
  REQUIRE_THROWS_AS(launched_with({{"RANK", "1"}}), InputError);
}

TEST_CASE("LaunchInfo: what is not a rank, a size or a port is named with its value", "[unit]") {
  REQUIRE_THROWS_WITH(launched_with(torchrun_set({{"RANK", "three"}})), ContainsSubstring("RANK=three"));
  REQUIRE_THROWS_WITH(launched_with(torchrun_set({{"LOCAL_RANK", "-1"}})), ContainsSubstring("LOCAL_RANK=-1"));
  REQUIRE_THROWS_WITH(launched_with(torchrun_set({{"WORLD_SIZE", "8x"}})), ContainsSubstring("WORLD_SIZE=8x"));
  REQUIRE_THROWS_WITH(launched_with(torchrun_set({{"RANK", "8"}})),
                      ContainsSubstring("RANK=8 must be less than WORLD_SIZE=8"));
  REQUIRE_THROWS_WITH(launched_with(torchrun_set({{"MASTER_PORT", "70000"}})), ContainsSubstring("MASTER_PORT=70000"));
}

}  // namespace longclip
