// tests/src/tensors/tensor_pool_test.cpp -- tensors in the pool: separate, used again, given back, from many threads.
#include "tensors/tensor_pool.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>

#include <thread>
#include <vector>

#include "base/random.h"
#include "tensors/device_memory.h"

#include "support/catch.h"

namespace longclip {
namespace {

constexpr int64_t kLarge = 1 << 20;  // float32 numbers: 4 MiB

}  // namespace

TEST_CASE("use_tensor_pool: the place of a freed tensor is taken again", "[tensors][unit]") {
  if (!use_tensor_pool()) return;  // AddressSanitizer
  REQUIRE(use_tensor_pool());      // the second time does nothing
  const void* place = at::full({kLarge}, 1.0).data_ptr();
  const at::Tensor again = at::empty({kLarge});
  REQUIRE(again.data_ptr() == place);
}

TEST_CASE("release_unused_pool: the memory of freed tensors goes back to the system", "[tensors][unit]") {
  if (!use_tensor_pool()) return;
  at::Tensor kept = at::full({kLarge}, 3.0), freed = at::full({64 * kLarge}, 2.0);
  const int64_t before = current_memory_bytes(at::kCPU);
  freed.reset();
  REQUIRE(current_memory_bytes(at::kCPU) > before - 20 * kLarge);
  release_unused_pool();
  REQUIRE(current_memory_bytes(at::kCPU) < before - 200 * kLarge);
  REQUIRE(kept.eq(3.0).all().item<bool>());
}

TEST_CASE("free_memory_bytes: what the pool held back is no longer in use, so that it counts once", "[tensors][unit]") {
  if (!use_tensor_pool()) return;
  at::full({64 * kLarge}, 2.0);  // 256 MiB, freed at once
  const int64_t before = current_memory_bytes(at::kCPU);
  REQUIRE(free_memory_bytes(at::kCPU) > 0);
  REQUIRE(current_memory_bytes(at::kCPU) < before - 200 * kLarge);
}

TEST_CASE("use_tensor_pool: threads that take and free tensors of all sizes find theirs unchanged", "[tensors][unit]") {
  use_tensor_pool();
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (uint64_t thread = 0; thread < wrong.size(); ++thread) {
    threads.emplace_back([&, thread] {
      std::vector<at::Tensor> held;
      for (uint64_t i = 0; i < 300; ++i) {
        const auto value = static_cast<double>(thread * 1000 + i);
        held.push_back(at::full({1 + static_cast<int64_t>(draw_below(mix_keys(thread, i), 100000))}, value));
        if (held.size() < 8) continue;
        const auto oldest = static_cast<double>(thread * 1000 + i - 7);
        wrong[thread] += held.front().eq(oldest).all().item<bool>() ? 0 : 1;
        held.erase(held.begin());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  REQUIRE(wrong == std::vector<int>{0, 0, 0, 0});
}

}  // namespace longclip
