// tests/src/dist/launch_info_test.cpp -- dist/launch_info.h
#include "dist/launch_info.h"

#include <unistd.h>

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
    for (char** entry = environ; *entry != nullptr; ++entry) {
      const std::string text = *entry;
      const size_t equals = text.find('=');
      if (is_launchers(text.substr(0, equals))) before_[text.substr(0, equals)] = text.substr(equals + 1);
    }
    for (const auto& [name, value] : before_) unsetenv(name.c_str());
    for (const auto& [name, value] : values) {
      before_.try_emplace(name, std::nullopt);
      setenv(name.c_str(), value.c_str(), 1);
    }
  }
  ~LauncherVariables() {
    for (const auto& [name, value] : before_) value ? setenv(name.c_str(), value->c_str(), 1) : unsetenv(name.c_str());
  }
  LauncherVariables(const LauncherVariables&) = delete;
  LauncherVariables& operator=(const LauncherVariables&) = delete;

 private:
  /// Every variable that may be looked at is absent unless given.
  static bool is_launchers(const std::string& name) {
    for (const char* start : {"RANK", "WORLD_SIZE", "LOCAL_", "MASTER_", "TORCHELASTIC_", "OMPI_", "PMIX_", "SLURM_"}) {
      if (name.starts_with(start)) return true;
    }
    return false;
  }
  std::map<std::string, std::optional<std::string>> before_;
};

LaunchInfo launched_with(const std::map<std::string, std::string>& values) {
  const LauncherVariables variables(values);
  return LaunchInfo::from_environment();
}

/// What srun of Slurm 22.05 sets for task 2 of 3 on two nodes.
std::map<std::string, std::string> srun_set(const std::map<std::string, std::string>& changes = {}) {
  std::map<std::string, std::string> values{{"SLURM_CLUSTER_NAME", "big"},
                                            {"SLURM_JOB_ID", "77"},
                                            {"SLURM_STEP_ID", "0"},
                                            {"SLURM_PROCID", "2"},
                                            {"SLURM_NTASKS", "9"},
                                            {"SLURM_STEP_NUM_TASKS", "3"},
                                            {"SLURM_LOCALID", "0"},
                                            {"SLURM_NODEID", "1"},
                                            {"SLURM_STEP_NUM_NODES", "2"},
                                            {"SLURM_STEP_TASKS_PER_NODE", "2,1"},
                                            {"SLURM_STEP_NODELIST", "no-such-node[3-4].invalid"},
                                            {"SLURM_LAUNCH_NODE_IPADDR", "192.0.2.7"},
                                            {"SLURM_STEP_LAUNCHER_PORT", "43163"}};
  for (const auto& [name, value] : changes) values[name] = value;
  return values;
}

std::map<std::string, std::string> mpirun_set(const std::map<std::string, std::string>& changes = {}) {
  std::map<std::string, std::string> values{{"OMPI_COMM_WORLD_RANK", "3"},
                                            {"OMPI_COMM_WORLD_SIZE", "4"},
                                            {"OMPI_COMM_WORLD_LOCAL_RANK", "3"},
                                            {"OMPI_COMM_WORLD_LOCAL_SIZE", "4"},
                                            {"PMIX_NAMESPACE", "800718849"}};
  for (const auto& [name, value] : changes) values[name] = value;
  return values;
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
  REQUIRE(alone.launcher == Launcher::kAlone);
}

TEST_CASE("LaunchInfo: torchrun's variables are read, and its agent's store and attempt", "[unit]") {
  const LaunchInfo plain = launched_with(torchrun_set());
  REQUIRE(plain.rank == 3);
  REQUIRE(plain.world_size == 8);
  REQUIRE(plain.local_rank == 1);
  REQUIRE(plain.master_address == "node0");
  REQUIRE(plain.master_port == 29400);
  REQUIRE_FALSE(plain.agent_serves_store);
  REQUIRE(plain.launcher == Launcher::kPlain);
  REQUIRE(plain.log_prefix() == "[rank 3] ");
  const LaunchInfo elastic = launched_with(torchrun_set({{"TORCHELASTIC_USE_AGENT_STORE", "True"},
                                                         {"TORCHELASTIC_RUN_ID", "job7"},
                                                         {"TORCHELASTIC_RESTART_COUNT", "2"}}));
  REQUIRE(elastic.agent_serves_store);
  REQUIRE(elastic.launcher == Launcher::kTorchrun);
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

TEST_CASE("LaunchInfo: a task of srun knows its ranks, its run and where rank 0 is", "[unit]") {
  const LaunchInfo info = launched_with(srun_set());
  REQUIRE(info.launcher == Launcher::kSlurm);
  REQUIRE(info.rank == 2);
  REQUIRE(info.world_size == 3);
  REQUIRE(info.local_rank == 0);
  REQUIRE(info.local_world_size == 1);
  REQUIRE(info.run_id == "slurm-big-77.0-43163");
  REQUIRE(info.attempt == "0");
  REQUIRE(info.master_port == 0);
  REQUIRE(info.master_address == "192.0.2.7");  // the first node's name has no address
  REQUIRE(launched_with(srun_set({{"SLURM_RESTART_COUNT", "1"}})).attempt == "1");
  REQUIRE(launched_with(srun_set({{"SLURM_STEP_NODELIST", "localhost,b"}})).master_address == "localhost");
  REQUIRE(launched_with(srun_set({{"SLURM_STEP_NUM_NODES", "1"}})).master_address == "127.0.0.1");
  const LaunchInfo told = launched_with(srun_set({{"MASTER_ADDR", "gpu7"}, {"MASTER_PORT", "4000"}}));
  REQUIRE(told.master_address == "gpu7");
  REQUIRE(told.master_port == 4000);
}

TEST_CASE("LaunchInfo: in a batch script, in salloc and in a step of one task a process is alone", "[unit]") {
  const std::map<std::string, std::string> batch{{"SLURM_JOB_ID", "77"},
                                                 {"SLURM_PROCID", "0"},
                                                 {"SLURM_LOCALID", "0"},
                                                 {"SLURM_NTASKS", "8"},
                                                 {"SLURM_NNODES", "2"}};
  REQUIRE(launched_with(batch).world_size == 1);
  REQUIRE(launched_with(batch).launcher == Launcher::kAlone);
  REQUIRE(launched_with({{"SLURM_JOB_ID", "77"}, {"SLURM_NTASKS", "8"}}).world_size == 1);
  const LaunchInfo shell = launched_with(srun_set({{"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "1"}}));
  REQUIRE(shell.world_size == 1);
}

TEST_CASE("LaunchInfo: a rank of mpirun knows its ranks, and on several machines must be told where rank 0 is",
          "[unit]") {
  const LaunchInfo info = launched_with(mpirun_set());
  REQUIRE(info.launcher == Launcher::kOpenMpi);
  REQUIRE(info.rank == 3);
  REQUIRE(info.world_size == 4);
  REQUIRE(info.local_rank == 3);
  REQUIRE(info.local_world_size == 4);
  REQUIRE(info.run_id == "mpi-800718849");
  REQUIRE(info.master_address == "127.0.0.1");
  REQUIRE(info.master_port == 0);
  REQUIRE_THROWS_WITH(launched_with(mpirun_set({{"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}})),
                      ContainsSubstring("-x MASTER_ADDR=HOST"));
  REQUIRE(launched_with(mpirun_set({{"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}, {"MASTER_ADDR", "n1"}})).master_address ==
          "n1");
}

TEST_CASE("LaunchInfo: RANK goes before mpirun's variables, and those before Slurm's", "[unit]") {
  auto all = srun_set(mpirun_set());
  REQUIRE(launched_with(all).launcher == Launcher::kOpenMpi);
  all.merge(torchrun_set());
  REQUIRE(launched_with(all).launcher == Launcher::kPlain);
  REQUIRE(launched_with(all).world_size == 8);
}

TEST_CASE("LaunchInfo: half a set of mpirun's or Slurm's variables is an error that lists what was found", "[unit]") {
  REQUIRE_THROWS_WITH(launched_with({{"OMPI_COMM_WORLD_RANK", "1"}}),
                      ContainsSubstring("OMPI_COMM_WORLD_SIZE is missing, found OMPI_COMM_WORLD_RANK=1"));
  REQUIRE_THROWS_WITH(launched_with({{"SLURM_PROCID", "1"}, {"SLURM_NTASKS", "2"}}),
                      ContainsSubstring("SLURM_STEP_ID is missing, found SLURM_PROCID=1, SLURM_NTASKS=2"));
  for (const char* name : {"SLURM_PROCID", "SLURM_LOCALID"}) {
    REQUIRE_THROWS_WITH(launched_with(srun_set({{name, ""}})), ContainsSubstring(std::string(name) + " is missing"));
  }
  REQUIRE_THROWS_WITH(launched_with(srun_set({{"SLURM_STEP_NUM_TASKS", "2"}})),
                      ContainsSubstring("SLURM_PROCID=2 must be less than SLURM_STEP_NUM_TASKS=2"));
}

}  // namespace longclip
