// tests/data/loader_watch_test.cpp -- data/loader_watch.h
#include "data/loader_watch.h"

#include "support/catch.h"

namespace longclip {
namespace {

/// The steps, from 1, at which a warning came.
std::vector<int64_t> warned_steps(LoaderWatch& watch, int64_t steps, double wait, double step) {
  std::vector<int64_t> warned;
  for (int64_t i = 1; i <= steps; ++i) {
    if (watch.add_step(wait, step)) warned.push_back(i);
  }
  return warned;
}

}  // namespace

TEST_CASE("LoaderWatch: more than a fifth of the last 50 steps is a warning, at most every 500 steps", "[data][unit]") {
  LoaderWatch slow({}), fast({});
  REQUIRE(warned_steps(slow, 1200, 0.3, 1) == std::vector<int64_t>{60, 560, 1060});
  REQUIRE(warned_steps(fast, 1200, 0.2, 1).empty());
}

TEST_CASE("LoaderWatch: the start of a process is not looked at, a later stretch of waiting is", "[data][unit]") {
  LoaderWatch watch({});
  REQUIRE(warned_steps(watch, 10, 100, 100).empty());
  REQUIRE(warned_steps(watch, 200, 0, 1).empty());
  REQUIRE(warned_steps(watch, 50, 1, 1) == std::vector<int64_t>{11});  // 11 of 50 seconds
  LoaderWatch idle({});
  REQUIRE(warned_steps(idle, 100, 0, 0).empty());
}

TEST_CASE("LoaderWatch: the advice is what can still be done", "[data][unit]") {
  const auto advice = [](const LoaderWatch::Setup& setup) {
    LoaderWatch watch(setup);
    for (int64_t i = 1; i < 60; ++i) watch.add_step(0.5, 1);
    return watch.add_step(0.5, 1).value();
  };
  const std::string little = advice({.workers = 1, .cores = 8, .crop_cache = false});
  REQUIRE_THAT(little, ContainsSubstring("50 % of the last 50 steps") && ContainsSubstring("raise data.workers to 8") && ContainsSubstring("data.crop_cache: on"));
  const std::string all = advice({.workers = 8, .cores = 8, .crop_cache = true});
  REQUIRE_THAT(all, !ContainsSubstring("raise") && !ContainsSubstring("crop_cache") && ContainsSubstring("smaller pictures"));
}

}  // namespace longclip
