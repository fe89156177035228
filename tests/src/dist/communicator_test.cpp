// tests/src/dist/communicator_test.cpp -- the collectives of dist/communicator.h and dist/gather.h on threads.
#include "dist/communicator.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/scalar_tensor.h>
#include <torch/csrc/autograd/autograd.h>

#include "dist/gather.h"
#include "local_ranks.h"
#include "loss/long_clip_loss.h"
#include "support/reference_data.h"

#include "support/catch.h"

namespace longclip {
namespace {

constexpr int64_t kWorld = 3;

size_t index_of(const Communicator& comm) { return static_cast<size_t>(comm.rank()); }

at::Tensor unit_rows(int64_t rows, uint64_t seed) {
  const at::Tensor x =
      at::randn({rows, 16}, at::detail::createCPUGenerator(seed), at::TensorOptions().dtype(at::kDouble));
  return x.div(at::linalg_vector_norm(x, 2, {1}, true));
}

double difference(const at::Tensor& a, const at::Tensor& b) { return a.sub(b).abs().max().item<double>(); }

}  // namespace

TEST_CASE("Communicator: rows are gathered in rank order, and the sum over ranks is scattered back", "[dist]") {
  std::vector<at::Tensor> gathered(kWorld), scattered(kWorld);
  test::run_ranks(kWorld, [&](Communicator& comm) {
    const at::Tensor mine = at::full({2, 3}, comm.rank(), at::kFloat);
    gathered[index_of(comm)] = comm.all_gather_rows(mine);
    scattered[index_of(comm)] =
        comm.reduce_scatter_rows(at::arange(2 * kWorld, at::kFloat).unsqueeze(1).mul(comm.rank() + 1));
  });
  for (size_t rank = 0; rank < kWorld; ++rank) {
    const auto own = static_cast<int64_t>(rank);
    REQUIRE(gathered[rank].sizes() == at::IntArrayRef({2 * kWorld, 3}));
    for (int64_t i = 0; i < kWorld; ++i) REQUIRE(gathered[rank].narrow(0, 2 * i, 2).eq(i).all().item<bool>());
    REQUIRE(scattered[rank].equal(at::arange(2 * own, 2 * own + 2, at::kFloat).unsqueeze(1).mul(1 + 2 + 3)));
  }
}

TEST_CASE("Communicator: every rank learns the largest number, everybody's numbers, rank 0's tensors and everybody's text",
          "[dist]") {
  std::vector<int64_t> largest(kWorld);
  std::vector<std::vector<std::vector<double>>> numbers(kWorld);
  std::vector<at::Tensor> broadcast(kWorld);
  std::vector<std::string> text(kWorld), empty(kWorld);
  std::vector<std::vector<std::string>> texts(kWorld);
  const std::string long_text(100'000, 'x');
  test::run_ranks(kWorld, [&](Communicator& comm) {
    const size_t i = index_of(comm);
    const auto rank = static_cast<double>(comm.rank());
    largest[i] = comm.all_reduce_max(-5 - comm.rank());
    numbers[i] = comm.all_gather_numbers({rank, 0.1});
    std::vector<at::Tensor> tensors{at::full({4}, rank + 7, at::kDouble)};
    comm.broadcast(tensors);
    broadcast[i] = tensors[0];
    text[i] = comm.broadcast(comm.rank() == 0 ? "größer\n" + long_text : "ignored");
    empty[i] = comm.broadcast(comm.rank() == 0 ? std::string() : std::string("ignored"));
    texts[i] =
        comm.all_gather_text(comm.rank() == 1 ? std::string() : std::string(static_cast<size_t>(comm.rank()) + 1, 'a'));
    comm.barrier();
  });
  for (size_t i = 0; i < kWorld; ++i) {
    REQUIRE(largest[i] == -5);
    REQUIRE(numbers[i] == std::vector<std::vector<double>>{{0, 0.1}, {1, 0.1}, {2, 0.1}});
    REQUIRE(broadcast[i].eq(7).all().item<bool>());
    REQUIRE(text[i] == "größer\n" + long_text);
    REQUIRE(empty[i].empty());
    REQUIRE(texts[i] == std::vector<std::string>{"a", "", "aaa"});
  }
}

TEST_CASE("Communicator: a world of one sends nothing and gives back what it got", "[unit]") {
  Communicator comm = Communicator::connect(LaunchInfo{}, DistributedConfig{}, at::kCPU);
  const at::Tensor rows = unit_rows(4, 1);
  REQUIRE(comm.group_or_null() == nullptr);
  REQUIRE(comm.all_gather_rows(rows).is_same(rows));
  REQUIRE(comm.all_gather_numbers({3.0}) == std::vector<std::vector<double>>{{3.0}});
  REQUIRE(comm.all_gather_text("one") == std::vector<std::string>{"one"});
  REQUIRE(gather_with_grad({rows}, comm)[0].is_same(rows));
}

TEST_CASE("gather_with_grad: values and gradients equal those of one process with all rows", "[dist]") {
  constexpr int64_t kRows = 4;
  const at::Tensor scale = at::scalar_tensor(2.0, at::kDouble);
  const at::Tensor image = unit_rows(kRows * kWorld, 1).requires_grad_(true),
                   text = unit_rows(kRows * kWorld, 2).requires_grad_(true);
  // the ranks' losses add up to kWorld times the loss over all rows
  const at::Tensor whole = contrastive_loss({image, text}, {image, text}, scale, 0, 0.1);
  whole.mul(kWorld).backward();

  std::vector<double> losses(kWorld);
  std::vector<at::Tensor> image_grads(kWorld), text_grads(kWorld), all(kWorld);
  std::vector<uint8_t> stays_undefined(kWorld);
  test::run_ranks(kWorld, [&](Communicator& comm) {
    const size_t i = index_of(comm);
    const auto rows_of = [&](const at::Tensor& x) {
      return x.detach().narrow(0, comm.rank() * kRows, kRows).clone().requires_grad_(true);
    };
    const at::Tensor my_image = rows_of(image), my_text = rows_of(text);
    const std::vector<at::Tensor> gathered = gather_with_grad({my_image, at::Tensor(), my_text}, comm);
    const at::Tensor loss = contrastive_loss({my_image, my_text}, {gathered[0], gathered[2]}, scale, comm.rank(), 0.1);
    loss.backward();
    losses[i] = loss.item<double>();
    image_grads[i] = my_image.grad();
    text_grads[i] = my_text.grad();
    all[i] = gathered[0].detach();
    stays_undefined[i] = !gathered[1].defined();
  });
  double sum = 0, worst = 0;
  for (size_t i = 0; i < kWorld; ++i) {
    REQUIRE(stays_undefined[i]);
    REQUIRE(all[i].equal(image.detach()));
    const int64_t first = static_cast<int64_t>(i) * kRows;
    worst = std::max({worst, difference(image_grads[i], image.grad().narrow(0, first, kRows)),
                      difference(text_grads[i], text.grad().narrow(0, first, kRows))});
    sum += losses[i];
  }
  REQUIRE(sum == Approx(kWorld * whole.item<double>()).epsilon(1e-12));
  test::report_difference("gradient through the gather", worst, 1e-13);
  REQUIRE(worst <= 1e-13);
}

}  // namespace longclip
