// dist/slurm_lists.cpp -- see dist/slurm_lists.h
#include "dist/slurm_lists.h"

#include <algorithm>
#include <cstdio>
#include <sstream>

namespace longclip {

std::string first_slurm_node(const std::string& node_list) {
  std::string name;
  for (size_t i = 0; i < node_list.size() && node_list[i] != ','; ++i) {
    if (node_list[i] != '[') {
      name += node_list[i];
      continue;
    }
    const size_t close = std::min(node_list.find(']', i), node_list.size());
    name += node_list.substr(i + 1, std::min(node_list.find_first_of("-,]", i), close) - i - 1);
    i = close;
  }
  return name;
}

std::optional<int64_t> slurm_tasks_of_node(const std::string& counts, int64_t node) {
  std::istringstream list(counts);
  for (std::string entry; std::getline(list, entry, ',');) {
    int tasks = 0, nodes = 1;
    if (std::sscanf(entry.c_str(), "%d(x%d)", &tasks, &nodes) < 1 || tasks < 1 || nodes < 1) return std::nullopt;
    if (node < nodes) return tasks;
    node -= nodes;
  }
  return std::nullopt;
}

}  // namespace longclip
