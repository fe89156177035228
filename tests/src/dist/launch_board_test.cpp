// tests/src/dist/launch_board_test.cpp -- dist/launch_board.h: launchers as threads.
#include "dist/launch_board.h"

#include <future>
#include <vector>

#include "base/error.h"
#include "local_ranks.h"

#include "support/catch.h"

namespace longclip {
namespace {

constexpr std::chrono::seconds kLong{60};

/// The boards of two machines with 2 and 3 ranks.
std::vector<LaunchBoard> two_boards() {
  const int64_t port = test::free_port();
  const auto node = [port](int64_t rank) {
    return LaunchNode{
        .num_nodes = 2, .node_rank = rank, .num_ranks = 2 + rank, .master_port = port, .max_restarts = 7 * rank + 1};
  };
  auto second = std::async(std::launch::async, [&] { return LaunchBoard::open(node(1), kLong); });
  std::vector<LaunchBoard> boards;
  boards.push_back(LaunchBoard::open(node(0), kLong));
  boards.push_back(second.get());
  return boards;
}

}  // namespace

TEST_CASE("LaunchBoard: alone it has a free port and an id of its own", "[dist]") {
  LaunchBoard one = LaunchBoard::open({.num_ranks = 3}, kLong), two = LaunchBoard::open(LaunchNode(), kLong);
  REQUIRE(one.port() > 0);
  REQUIRE(one.port() != two.port());
  REQUIRE(one.run_id() != two.run_id());
  REQUIRE(one.world_size() == 3);
  REQUIRE_FALSE(one.failure(0).has_value());
  one.report_end(0, {143, ""});
  REQUIRE(one.common_end(0)->code == 143);
  REQUIRE(one.common_end(0)->what.empty());
}

TEST_CASE("LaunchBoard: two machines share the run's id, its ranks, and node 0's number of restarts", "[dist]") {
  const auto boards = two_boards();
  REQUIRE(boards[0].run_id() == boards[1].run_id());
  REQUIRE(boards[0].first_rank() == 0);
  REQUIRE(boards[1].first_rank() == 2);
  for (const LaunchBoard& board : boards) {
    REQUIRE(board.world_size() == 5);
    REQUIRE(board.max_restarts() == 1);
  }
}

TEST_CASE("LaunchBoard: the first failure is everybody's, but a lost peer gives way to the one that was lost",
          "[dist]") {
  auto boards = two_boards();
  boards[0].report_failure(0, {kExitPeerLost, "rank 0: exit code 3"});
  REQUIRE(boards[1].failure(0)->what == "rank 0: exit code 3");
  boards[1].report_failure(0, {139, "rank 2: killed by signal 11"});
  boards[0].report_failure(0, {1, "rank 1: exit code 1"});
  for (LaunchBoard& board : boards) REQUIRE(board.failure(0)->what == "rank 2: killed by signal 11");
  REQUIRE_FALSE(boards[0].failure(1).has_value());  // the next attempt starts clean
  boards[0].report_end(0, {kExitPeerLost, "rank 0: exit code 3"});
  REQUIRE_FALSE(boards[0].common_end(0).has_value());
  boards[1].report_end(0, {139, "rank 2: killed by signal 11", true});
  for (LaunchBoard& board : boards) {
    const AttemptEnd end = *board.common_end(0);
    REQUIRE(end.code == 139);
    REQUIRE(end.stop_asked);
  }
}

TEST_CASE("LaunchBoard: who loses a peer because that was told to stop has stopped too", "[dist]") {
  auto boards = two_boards();
  boards[0].report_failure(0, {kExitPeerLost, "rank 0: exit code 3"});
  boards[0].report_end(0, {kExitPeerLost, "rank 0: exit code 3"});
  boards[1].report_end(0, {kExitInterrupted, "", true});
  REQUIRE(boards[0].common_end(0)->code == kExitInterrupted);
  REQUIRE(boards[0].common_end(0)->what.empty());
}

TEST_CASE("LaunchBoard: the loss of node 0's launcher is a DistError that says so", "[dist]") {
  auto boards = two_boards();
  boards.erase(boards.begin());
  REQUIRE_THROWS_WITH(boards[0].failure(0), ContainsSubstring("the launcher of node 0 at 127.0.0.1:"));
}

}  // namespace longclip
