// tests/src/dist/rank_watch_test.cpp -- what the signs of life of several ranks say, with ranks that share one process.
#include "dist/rank_watch.h"

#include <torch/csrc/distributed/c10d/HashStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <future>
#include <memory>
#include <vector>

#include "local_ranks.h"

#include "support/catch.h"

namespace longclip {
namespace {

/// A rank with a watch. `line` is what it would have ended its process with.
struct WatchedRank {
  WatchedRank(const c10::intrusive_ptr<c10d::Store>& store, int64_t rank, int64_t world_size, std::chrono::milliseconds timeout)
      : watch(std::make_unique<RankWatch>(store, WatchOptions{.rank = rank,
                                                              .world_size = world_size,
                                                              .timeout = timeout,
                                                              .store_name = "the store of rank 0",
                                                              .end_process = [this](const std::string& text) { ended.set_value(text); }})) {}
  std::string line() { return ended.get_future().get(); }

  std::promise<std::string> ended;
  std::unique_ptr<RankWatch> watch;  // last: its threads use the promise
};

constexpr auto kShort = std::chrono::milliseconds(1500);
constexpr auto kLong = std::chrono::milliseconds(60'000);

}  // namespace

TEST_CASE("RankWatch: a rank without a sign of life ends all others, and each names it", "[dist]") {
  const auto store = c10::make_intrusive<c10d::HashStore>();
  WatchedRank first(store, 0, 3, kShort), second(store, 1, 3, kShort);
  first.watch->at_step(12);
  const RankWatch::Inside inside(*first.watch, "all-gather");
  const std::string line = first.line();
  REQUIRE_THAT(line, ContainsSubstring("rank 0 gives up in step 12, all-gather: rank 2 is lost (no sign of life for"));
  REQUIRE_THAT(second.line(), ContainsSubstring("rank 1 gives up before the first step: rank 2 is lost (no sign of life for"));
}

TEST_CASE("RankWatch: after a failed collective the rank that says no more is the lost one, long before the timeout", "[dist]") {
  const auto store = c10::make_intrusive<c10d::HashStore>();
  WatchedRank first(store, 0, 4, kLong), second(store, 1, 4, kLong), fourth(store, 3, 4, kLong);
  const RankWatch::Inside inside(*fourth.watch, "all-reduce");
  first.watch->at_step(2);
  REQUIRE_THAT(first.watch->explain("connection reset"), ContainsSubstring("in step 2: rank 2 is lost (no sign of life for") && ContainsSubstring(": connection reset"));
  REQUIRE_THAT(second.watch->explain("closed"), ContainsSubstring("rank 2 is lost"));
  REQUIRE_THAT(fourth.line(), ContainsSubstring("rank 2 is lost"));
}

TEST_CASE("RankWatch: a rank that ended with an error is named with its own words", "[dist]") {
  const auto store = c10::make_intrusive<c10d::HashStore>();
  WatchedRank first(store, 0, 3, kLong), third(store, 2, 3, kLong);
  {
    const WatchedRank second(store, 1, 3, kLong);
    second.watch->say_farewell("metrics.jsonl: no space left");
  }
  REQUIRE_THAT(first.watch->explain("closed"), ContainsSubstring("rank 1 ended: metrics.jsonl: no space left: closed"));
}

TEST_CASE("RankWatch: a rank that answers but does not arrive is the one behind in collectives", "[dist]") {
  const auto store = c10::make_intrusive<c10d::HashStore>();
  std::vector<std::unique_ptr<WatchedRank>> ranks;
  for (int64_t rank = 0; rank < 3; ++rank) ranks.push_back(std::make_unique<WatchedRank>(store, rank, 3, kShort));
  for (const auto& rank : ranks) rank->watch->at_step(5);
  { const RankWatch::Inside earlier(*ranks[1]->watch, "all-reduce"); }
  const RankWatch::Inside a(*ranks[0]->watch, "all-reduce"), b(*ranks[0]->watch, "all-gather");
  const RankWatch::Inside c(*ranks[2]->watch, "all-reduce"), d(*ranks[2]->watch, "all-gather");
  REQUIRE_THAT(ranks[0]->watch->explain("timed out"), ContainsSubstring("rank 1 is lost (it answers, but does not arrive: it is in step 5)"));
  REQUIRE_THAT(ranks[1]->line(), ContainsSubstring("rank 1 gives up in step 5: the others did not wait for it"));
}

TEST_CASE("RankWatch: a store that is gone ends a rank with the store's name", "[dist]") {
  const int64_t port = test::free_port();
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(port);
  options.isServer = true;
  auto server = c10::make_intrusive<c10d::TCPStore>("127.0.0.1", options);
  options.isServer = false;
  WatchedRank rank(c10::make_intrusive<c10d::TCPStore>("127.0.0.1", options), 1, 2, kShort);
  WatchedRank other(server->clone(), 0, 2, kLong);
  server.reset();
  REQUIRE_THAT(rank.line(), ContainsSubstring("rank 1 gives up before the first step: the store of rank 0 has not answered for"));
  REQUIRE_THAT(other.watch->explain("closed"), ContainsSubstring("the store of rank 0 does not answer"));
}

TEST_CASE("RankWatch: ranks that are done one after another are not lost", "[dist]") {
  const auto store = c10::make_intrusive<c10d::HashStore>();
  WatchedRank last(store, 0, 3, kShort);
  { const WatchedRank second(store, 1, 3, kShort), third(store, 2, 3, kShort); }
  auto ended = last.ended.get_future();
  REQUIRE(ended.wait_for(kShort) == std::future_status::timeout);  // twice the time after which a silent rank is lost
  last.watch->wait_for_farewells();
}

}  // namespace longclip
