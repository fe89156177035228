#pragma once
// dist/rank_watch.h -- who is still there: every rank leaves signs of life in the store, so that the others can say which
// rank is lost (a dead connection does not say whose it was) and end although they wait inside a collective.

#include <torch/csrc/distributed/c10d/Store.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace longclip {

struct WatchOptions {
  int64_t rank = 0;
  int64_t world_size = 1;
  std::chrono::milliseconds timeout{};  ///< every rank has ended this long after another was lost, at the latest
  bool serves_store = false;            ///< with this process the store ends: it goes last
  std::string store_name;               ///< for messages: "the store of rank 0 at host:port"
  /// Ends this process with the line that says why, while its main thread waits in a collective that cannot complete, or
  /// has come to none for timeout / 2.
  std::function<void(const std::string& line)> end_process;
};

/// Signs of life at timeout / 30 (at most every 5 s); a rank without one for timeout / 2 is lost. Time during which this
/// whole process was stopped does not count. Each rank watches the next one and publishes what it finds: the traffic
/// grows with the number of ranks, not with its square.
/// Thread-safe, but explain() and the destructor belong to one thread. Not collective.
class RankWatch {
 public:
  /// `store` is used by the watch alone: a connection of its own, because another use could block it.
  RankWatch(c10::intrusive_ptr<c10d::Store> store, WatchOptions options);
  /// Tells the others that this rank is done, unless it said farewell otherwise. After a failure the rank that serves the
  /// store stays for a few signs of life, so that the others read the cause.
  ~RankWatch();
  RankWatch(const RankWatch&) = delete;
  RankWatch& operator=(const RankWatch&) = delete;

  /// What this rank works on, for the messages of all ranks.
  void at_step(int64_t step);

  /// This rank is inside a collective while the object lives.
  class Inside {
   public:
    Inside(RankWatch& watch, const char* collective);
    ~Inside();
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    RankWatch& watch_;
    std::string outer_;
  };

  /// After a collective failed for `reason`: finds out which rank is lost (a few signs of life long), tells the others,
  /// and returns "in step 12: rank 2 is lost (no sign of life for 3.1 s): REASON".
  std::string explain(const std::string& reason);

  /// Leaves `reason` for the others as the cause of this rank's end. Call where an error of this rank's own ends it.
  void say_farewell(const std::string& reason);

  /// Waits until every rank has said farewell, at most timeout / 2: the rank that serves the store must go last.
  void wait_for_farewells();

 private:
  struct State;
  static void leave_signs(State& state);
  static void judge(State& state);

  std::shared_ptr<State> state_;  // shared with threads that may be stuck in a dead connection
  std::thread signs_, judge_;
};

}  // namespace longclip
