#pragma once
// dist/slurm_lists.h -- the two compressed lists in which Slurm says where the tasks of a step run.

#include <cstdint>
#include <optional>
#include <string>

namespace longclip {

/// "gpu[07-09,12],login" -> "gpu07". Task 0 of a step runs there.
std::string first_slurm_node(const std::string& node_list);
/// "2(x3),1" -> 2 for the nodes 0, 1, 2 and 1 for node 3; nothing where the list is another or too short.
std::optional<int64_t> slurm_tasks_of_node(const std::string& counts, int64_t node);

}  // namespace longclip
