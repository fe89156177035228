// tests/train/micro_pairs_test.cpp -- how many pairs fit: the arithmetic, and the trials of a real model.
#include "train/micro_pairs.h"

#include <sys/mman.h>

#include <cstring>

#include "small_run.h"
#include "tensors/device_memory.h"
#include "train/trainer.h"

#include "support/catch.h"

namespace longclip {
namespace {

Clip small_clip() {
  ModelConfig config;
  config.init = test::small_model();
  return load_initial_model(config);
}

}  // namespace

TEST_CASE("most_pairs_within: as many as the limit holds, at least one, at most all", "[train][unit]") {
  const TrialOfPairs linear = [](int64_t pairs) { return 1000 + 10 * pairs; };
  REQUIRE(most_pairs_within(1000 + 10 * 57, 200, 3, linear) == 57);
  REQUIRE(most_pairs_within(1000 + 10 * 57 + 9, 200, 3, linear) == 57);
  REQUIRE(most_pairs_within(1 << 30, 200, 3, linear) == 200);
  REQUIRE(most_pairs_within(0, 200, 3, linear) == 1);
  REQUIRE(most_pairs_within(INT64_MAX, 200, 9, [](int64_t) { return 5; }) == 200);  // growth too small to be seen
}

TEST_CASE("most_pairs_within: as many pairs as a trial would have are not tried", "[train][unit]") {
  const TrialOfPairs never = [](int64_t) -> int64_t { throw std::logic_error("tried"); };
  for (const int64_t pairs : {1, 2, 3}) REQUIRE(most_pairs_within(0, pairs, 3, never) == pairs);
}

TEST_CASE("choose_micro_pairs: all pairs where there is plenty of memory, fewer where a step would not fit", "[train][unit]") {
  Clip model = small_clip();
  REQUIRE(choose_micro_pairs(model, {}, 16, 1) == 16);
  const int64_t many = 1 << 24;  // more pairs than any machine holds
  const int64_t chosen = choose_micro_pairs(model, {}, many, 1);
  REQUIRE(chosen > 1);
  REQUIRE(chosen < many);
  const int64_t among_four = choose_micro_pairs(model, {}, many, 4);  // ranks that share the machine
  REQUIRE(among_four < chosen / 2);
  REQUIRE(choose_micro_pairs(model, {}, many, 1, /*copies=*/4) < chosen / 2);
  for (const Parameter& parameter : model.trained_parameters()) REQUIRE_FALSE(parameter.tensor.grad().defined());
}

TEST_CASE("Device memory of a process: the peak falls to the present use, and what is free is not more than the machine has", "[tensors][unit]") {
  constexpr size_t kBytes = 200'000'000;
  void* pages = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);  // what malloc gives back, it may keep
  REQUIRE(pages != MAP_FAILED);
  std::memset(pages, 1, kBytes);
  reset_peak_memory(at::kCPU);
  const int64_t with = peak_memory_bytes(at::kCPU);
  REQUIRE(with >= 200'000'000);
  REQUIRE(current_memory_bytes(at::kCPU) >= 200'000'000);
  REQUIRE(free_memory_bytes(at::kCPU) > 0);
  munmap(pages, kBytes);
  REQUIRE(peak_memory_bytes(at::kCPU) >= with - 1'000'000);  // the peak stays
  reset_peak_memory(at::kCPU);
  REQUIRE(peak_memory_bytes(at::kCPU) <= with - 150'000'000);
}

}  // namespace longclip
