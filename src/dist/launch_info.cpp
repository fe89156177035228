// dist/launch_info.cpp -- see dist/launch_info.h
#include "dist/launch_info.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "dist/network.h"
#include "dist/slurm_lists.h"

namespace longclip {
namespace {

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::string found_variables() {
  std::string found;
  for (const char* name :
       {"RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "OMPI_COMM_WORLD_RANK",
        "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE", "SLURM_STEP_ID",
        "SLURM_PROCID", "SLURM_NTASKS", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_STEP_NODELIST"}) {
    if (const auto value = variable(name)) found += (found.empty() ? "" : ", ") + std::string(name) + "=" + *value;
  }
  return found;
}

std::string text(const char* name) {
  const auto value = variable(name);
  require<InputError>(value.has_value(), "the launcher's variables are incomplete: {} is missing, found {}", name,
                      found_variables());
  return *value;
}

int64_t number(const char* name) {
  const std::string value = text(name);
  int64_t result = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result);
  require<InputError>(error == std::errc() && end == value.data() + value.size() && result >= 0,
                      "the launcher's variable {}={} is not a whole number", name, value);
  return result;
}

int64_t number_or(const char* name, int64_t otherwise) { return variable(name) ? number(name) : otherwise; }

void read_ranks(LaunchInfo& info, const char* rank, const char* world_size) {
  info.rank = number(rank);
  info.world_size = number(world_size);
  require<InputError>(info.rank < info.world_size, "{}={} must be less than {}={}", rank, info.rank, world_size,
                      info.world_size);
}

int64_t given_port() {
  const int64_t port = number("MASTER_PORT");
  require<InputError>(port > 0 && port < 65536, "MASTER_PORT={} is not a port", port);
  return port;
}

LaunchInfo from_plain_variables() {
  LaunchInfo info;
  read_ranks(info, "RANK", "WORLD_SIZE");
  info.local_rank = info.world_size == 1 ? number_or("LOCAL_RANK", 0) : number("LOCAL_RANK");
  info.local_world_size = number_or("LOCAL_WORLD_SIZE", info.world_size);
  if (info.world_size > 1) {
    info.master_address = text("MASTER_ADDR");
    info.master_port = given_port();
  }
  info.launcher = variable("TORCHELASTIC_RUN_ID") ? Launcher::kTorchrun : Launcher::kPlain;
  info.agent_serves_store = variable("TORCHELASTIC_USE_AGENT_STORE").value_or("False") == "True";
  info.run_id = variable("TORCHELASTIC_RUN_ID").value_or("none");
  return info;
}

LaunchInfo from_open_mpi() {
  LaunchInfo info;
  info.launcher = Launcher::kOpenMpi;
  read_ranks(info, "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE");
  info.local_rank = number("OMPI_COMM_WORLD_LOCAL_RANK");
  info.local_world_size = number_or("OMPI_COMM_WORLD_LOCAL_SIZE", info.world_size);
  info.run_id = "mpi-" + variable("PMIX_NAMESPACE").value_or(variable("OMPI_MCA_ess_base_jobid").value_or("none"));
  info.master_port = variable("MASTER_PORT") ? given_port() : 0;
  if (const auto address = variable("MASTER_ADDR")) {
    info.master_address = *address;
  } else {
    require<InputError>(info.local_world_size == info.world_size,
                        "mpirun started ranks on several machines and does not say where rank 0 is: add "
                        "-x MASTER_ADDR=HOST with the name or address of rank 0's machine (found {})",
                        found_variables());
  }
  return info;
}

std::string slurm_master(int64_t num_nodes) {
  if (const auto address = variable("MASTER_ADDR")) return *address;
  if (num_nodes == 1) return "127.0.0.1";
  const std::string first = first_slurm_node(text("SLURM_STEP_NODELIST"));
  if (resolves(first)) return first;
  const auto launch_node = variable("SLURM_LAUNCH_NODE_IPADDR");  // where srun runs: in a batch job the first node
  require<InputError>(launch_node.has_value(), "the name of the first node, {}, has no address here: set MASTER_ADDR",
                      first);
  return *launch_node;
}

LaunchInfo from_slurm_step() {
  LaunchInfo info;
  info.launcher = Launcher::kSlurm;
  text("SLURM_STEP_ID");
  const bool step_size = variable("SLURM_STEP_NUM_TASKS").has_value();  // SLURM_NTASKS may be the whole job's
  read_ranks(info, "SLURM_PROCID", step_size ? "SLURM_STEP_NUM_TASKS" : "SLURM_NTASKS");
  info.local_rank = number("SLURM_LOCALID");  // never PROCID % tasks per node: srun -m cyclic
  const int64_t num_nodes = number_or("SLURM_STEP_NUM_NODES", number_or("SLURM_NNODES", 1));
  const auto counts = variable("SLURM_STEP_TASKS_PER_NODE");
  info.local_world_size =
      slurm_tasks_of_node(counts.value_or(variable("SLURM_TASKS_PER_NODE").value_or("")), number_or("SLURM_NODEID", 0))
          .value_or(num_nodes == 1 ? info.world_size : info.local_rank + 1);
  // Job and step numbers repeat from cluster to cluster; srun's own port tells the runs on one machine apart.
  info.run_id = "slurm-" + variable("SLURM_CLUSTER_NAME").value_or("") + "-" + variable("SLURM_JOB_ID").value_or("") +
                "." + text("SLURM_STEP_ID") + "-" + variable("SLURM_STEP_LAUNCHER_PORT").value_or("");
  info.master_port = variable("MASTER_PORT") ? given_port() : 0;
  if (info.world_size > 1) info.master_address = slurm_master(num_nodes);
  return info;
}

LaunchInfo of_first_launcher() {
  if (variable("RANK") || variable("WORLD_SIZE")) return from_plain_variables();
  if (variable("OMPI_COMM_WORLD_RANK") || variable("OMPI_COMM_WORLD_SIZE")) return from_open_mpi();
  // A batch script has SLURM_PROCID=0 and the job's SLURM_NTASKS, but is no step: nobody else is coming.
  if (variable("SLURM_STEP_ID") || variable("SLURM_PROCID").value_or("0") != "0") return from_slurm_step();
  return {};
}

}  // namespace

LaunchInfo LaunchInfo::from_environment() {
  LaunchInfo info = of_first_launcher();
  info.attempt = variable("TORCHELASTIC_RESTART_COUNT").value_or(variable("SLURM_RESTART_COUNT").value_or("0"));
  return info;
}

std::string LaunchInfo::log_prefix() const { return world_size > 1 ? "[rank " + std::to_string(rank) + "] " : ""; }

}  // namespace longclip
