// tests/src/dist/grad_reducer_test.cpp -- dist/grad_reducer.h on threads.
#include "dist/grad_reducer.h"

#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <torch/csrc/autograd/autograd.h>

#include "local_ranks.h"

#include "support/catch.h"

namespace longclip {
namespace {

constexpr int64_t kWorld = 2;

at::Tensor leaf(int64_t size, double value) { return at::full({size}, value, at::kFloat).requires_grad_(true); }

}  // namespace

TEST_CASE("GradReducer: ranks start from rank 0's values and get the mean gradient in every step", "[dist]") {
  std::vector<at::Tensor> values(kWorld), first(kWorld), second(kWorld), large(kWorld);
  test::run_ranks(kWorld, [&](Communicator& comm) {
    const auto i = static_cast<size_t>(comm.rank());
    const auto rank = static_cast<double>(comm.rank());
    const at::Tensor w = leaf(3, rank + 5), v = leaf(400'000, 1);  // v alone fills the first bucket of 1 MiB
    GradReducer reducer({w, v}, comm, /*find_unused=*/false);
    values[i] = w.detach().clone();
    const auto step = [&](double factor) {
      w.mutable_grad().reset();
      v.mutable_grad().reset();
      const at::Tensor loss = w.sum().mul(factor).add(v.sum(), 2 * factor);
      reducer.backward(loss);
      return w.grad().clone();
    };
    first[i] = step(rank + 1);
    second[i] = step(10 * (rank + 1));
    large[i] = v.grad();
  });
  for (size_t i = 0; i < kWorld; ++i) {
    REQUIRE(values[i].eq(5).all().item<bool>());
    REQUIRE(first[i].eq(1.5).all().item<bool>());
    REQUIRE(second[i].eq(15).all().item<bool>());
    REQUIRE(large[i].eq(30).all().item<bool>());
  }
}

TEST_CASE("GradReducer: a backward pass that goes round it keeps the rank's own gradient", "[dist]") {
  std::vector<at::Tensor> sums(kWorld);
  test::run_ranks(kWorld, [&](Communicator& comm) {
    const auto rank = static_cast<double>(comm.rank());
    const at::Tensor w = leaf(3, 0);
    GradReducer reducer({w}, comm, /*find_unused=*/false);
    w.sum().mul(rank).backward();  // a part of the step: 0 on rank 0, 1 on rank 1
    const at::Tensor last = w.sum().mul(4 * rank);
    reducer.backward(last);  // 0 on rank 0, 1 + 4 on rank 1
    sums[static_cast<size_t>(comm.rank())] = w.grad();
  });
  for (const at::Tensor& sum : sums) REQUIRE(sum.eq(2.5).all().item<bool>());
}

TEST_CASE("GradReducer: with find_unused a parameter may go without gradient on a rank", "[dist]") {
  std::vector<at::Tensor> sometimes(kWorld);
  test::run_ranks(kWorld, [&](Communicator& comm) {
    const at::Tensor always = leaf(2, 1), only_rank_0 = leaf(2, 1);
    GradReducer reducer({always, only_rank_0}, comm, /*find_unused=*/true);
    for (int step = 0; step < 2; ++step) {
      only_rank_0.mutable_grad().reset();
      const at::Tensor loss = comm.rank() == 0 ? always.add(only_rank_0).sum() : always.sum();
      reducer.backward(loss);
    }
    sometimes[static_cast<size_t>(comm.rank())] = only_rank_0.grad();
  });
  for (const at::Tensor& grad : sometimes) REQUIRE(grad.eq(0.5).all().item<bool>());
}

}  // namespace longclip
