// tests/data/ordered_workers_test.cpp -- data/ordered_workers.h
#include "data/ordered_workers.h"

#include <algorithm>
#include <atomic>
#include <chrono>

#include "support/catch.h"

namespace longclip {
namespace {

using Numbers = OrderedWorkers<int64_t>;
void pause(int64_t milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

}  // namespace

TEST_CASE("OrderedWorkers: items come in order however long each takes", "[data][unit]") {
  for (const int64_t threads : {1, 2, 7}) {
    Numbers workers({.first = 5, .last = 60, .window = 4, .threads = threads}, [](int64_t i) {
      pause(i % 5 == 0 ? 2 : 0);
      return i * i;
    });
    for (int64_t i = 5; i < 60; ++i) REQUIRE(workers.take() == i * i);
    REQUIRE_THROWS_WITH(workers.take(), ContainsSubstring("no item is left"));
  }
}

TEST_CASE("OrderedWorkers: at most `window` items are made ahead", "[data][unit]") {
  std::atomic<int64_t> taken = 0, farthest_ahead = 0;
  Numbers workers({.first = 0, .last = 100, .window = 3, .threads = 2}, [&](int64_t i) {
    farthest_ahead = std::max<int64_t>(farthest_ahead, i - taken);
    return i;
  });
  for (int64_t i = 0; i < 100; ++i) {
    workers.take();
    ++taken;  // may lag behind take() by one, never lead
  }
  REQUIRE(farthest_ahead <= 3);
}

TEST_CASE("OrderedWorkers: an exception comes at its place, and again after it", "[data][unit]") {
  for (const int64_t threads : {1, 4}) {
    Numbers workers({.first = 0, .last = 50, .window = 8, .threads = threads}, [](int64_t i) {
      if (i == 10) pause(5);
      if (i == 10 || i == 12) throw std::runtime_error("item " + std::to_string(i));
      return i;
    });
    for (int64_t i = 0; i < 10; ++i) REQUIRE(workers.take() == i);
    REQUIRE_THROWS_WITH(workers.take(), ContainsSubstring("item 10"));
    REQUIRE_THROWS_WITH(workers.take(), ContainsSubstring("item 10"));
  }
}

TEST_CASE("OrderedWorkers: no threads or no window are refused instead of waited for", "[data][unit]") {
  const auto same = [](int64_t i) { return i; };
  REQUIRE_THROWS_AS(Numbers({.first = 0, .last = 1, .window = 1, .threads = 0}, same), std::invalid_argument);
  REQUIRE_THROWS_AS(Numbers({.first = 0, .last = 1, .window = 0, .threads = 1}, same), std::invalid_argument);
}

TEST_CASE("OrderedWorkers: stop wakes a thread that waits for an item", "[data][unit]") {
  std::atomic<bool> release = false;
  Numbers workers({.first = 0, .last = 9, .window = 1, .threads = 1}, [&](int64_t i) {
    while (!release) pause(1);
    return i;
  });
  std::string message;
  std::thread taker([&] {
    try {
      workers.take();
    } catch (const std::runtime_error& error) {
      message = error.what();
      release = true;  // only a take() that was woken before the item was ready lets the worker go
    }
  });
  pause(10);
  workers.stop();
  taker.join();
  REQUIRE_THAT(message, ContainsSubstring("stopped"));
}

}  // namespace longclip
