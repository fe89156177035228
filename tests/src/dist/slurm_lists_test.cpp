// tests/src/dist/slurm_lists_test.cpp -- dist/slurm_lists.h
#include "dist/slurm_lists.h"

#include "support/catch.h"

namespace longclip {

TEST_CASE("SlurmLists: the first node of every form of list", "[unit]") {
  REQUIRE(first_slurm_node("vm") == "vm");
  REQUIRE(first_slurm_node("login,gpu[1-2]") == "login");
  REQUIRE(first_slurm_node("vm[1-2]") == "vm1");
  REQUIRE(first_slurm_node("gpu[07-09,12],login") == "gpu07");
  REQUIRE(first_slurm_node("gpu[3,5]-ib.local,x") == "gpu3-ib.local");
  REQUIRE(first_slurm_node("rack[2-3]n[10-12]") == "rack2n10");
  REQUIRE(first_slurm_node("broken[4") == "broken4");
  REQUIRE(first_slurm_node("").empty());
}

TEST_CASE("SlurmLists: the tasks of each node, counted out", "[unit]") {
  REQUIRE(slurm_tasks_of_node("2", 0) == 2);
  for (const int64_t node : {0, 1, 2}) REQUIRE(slurm_tasks_of_node("2(x3),1", node) == 2);
  REQUIRE(slurm_tasks_of_node("2(x3),1", 3) == 1);
  REQUIRE_FALSE(slurm_tasks_of_node("2(x3),1", 4).has_value());
  REQUIRE_FALSE(slurm_tasks_of_node("", 0).has_value());
  REQUIRE_FALSE(slurm_tasks_of_node("many", 0).has_value());
}

}  // namespace longclip
