// tests/src/tensors/snapshot_test.cpp -- tensors/snapshot.h
#include "tensors/snapshot.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>

#include <thread>

#include "base/error.h"

#include "support/catch.h"

namespace longclip {
namespace {

constexpr int64_t kRows = 50'000;

TensorMap tensors_of(int64_t step, at::Device device = at::kCPU) {
  TensorMap tensors{{"weight", at::arange(kRows * 3, at::kFloat).add(static_cast<double>(step)).view({kRows, 3})},
                    {"turned", at::arange(6, at::kFloat).view({2, 3}).t()},
                    {"count", at::full({}, step, at::kLong)}};
  for (auto& [name, tensor] : tensors) tensor = tensor.to(device);
  return tensors;
}

/// Three rounds: a thread copies while this one waits, then the tensors change.
void check_copies(at::Device device) {
  Snapshot snapshot(tensors_of(0, device));
  const void* const weight = snapshot.tensors().at("weight").const_data_ptr();
  for (const int64_t step : {2, 4, 6}) {
    TensorMap live = tensors_of(0, device);
    // Whole numbers, so exact; on a GPU still in work when the copy begins.
    for (int64_t i = 0; i < 500; ++i) live.at("weight").add_(i % 2 == 0 ? 1 : -1);
    live.at("weight").add_(step);
    live.at("count").add_(step);
    snapshot.begin(live);
    std::thread([&] { snapshot.copy(); }).join();
    for (auto& [name, tensor] : live) tensor.fill_(7);
    REQUIRE(snapshot.tensors().size() == 3);
    for (const auto& [name, tensor] : tensors_of(step)) REQUIRE(snapshot.tensors().at(name).equal(tensor));
    REQUIRE(snapshot.tensors().at("weight").const_data_ptr() == weight);
  }
}

}  // namespace

TEST_CASE("Snapshot: holds the values of its beginning, in memory that is allocated once", "[tensors][unit]") { check_copies(at::kCPU); }

TEST_CASE("Snapshot: copies from a GPU into pinned memory after the work that was given before", "[tensors][.gpu]") {
  check_copies(at::kCUDA);
  REQUIRE(Snapshot(tensors_of(0, at::kCUDA)).tensors().at("weight").is_pinned());
}

TEST_CASE("Snapshot: tensors that it has no memory for are an error that names one", "[tensors][unit]") {
  Snapshot snapshot(tensors_of(0));
  TensorMap other = tensors_of(2);
  other["weight"] = at::full({3, kRows}, 1, at::kFloat);
  REQUIRE_THROWS_WITH(snapshot.begin(other), ContainsSubstring("'weight' [3, 50000]"));
  other.erase("weight");
  REQUIRE_THROWS_AS(snapshot.begin(other), ShapeError);
}

}  // namespace longclip
