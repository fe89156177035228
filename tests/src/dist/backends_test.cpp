// tests/src/dist/backends_test.cpp -- Gloo and NCCL under the same small training step; NCCL only in a build with CUDA.
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <torch/csrc/autograd/autograd.h>

#include <future>

#include "dist/communicator.h"
#include "dist/gather.h"
#include "dist/grad_reducer.h"
#include "local_ranks.h"
#include "support/reference_data.h"

#ifdef LONGCLIP_WITH_CUDA
#include <c10/cuda/CUDAFunctions.h>
#include <nccl.h>
#endif

#include "support/catch.h"

namespace longclip {
namespace {

constexpr int64_t kRows = 3;

/// What one rank ends with: the gathered rows, the gradient of its rows and of the weight.
struct Outcome {
  at::Tensor gathered_G2, rows_grad_B2, weight_grad_2;
};

/// Rows 0, 1, ... of all ranks; the loss of rank r is the sum over (r + 1) x gathered rows x weight.
Outcome train_once(Communicator& comm, at::Device device) {
  const at::Tensor weight_2 = at::ones({2}, at::TensorOptions(device)).requires_grad_(true);
  GradReducer reducer({weight_2}, comm, /*find_unused=*/false);
  const at::Tensor rows_B2 = at::arange(2 * kRows, at::TensorOptions(device).dtype(at::kFloat)).view({kRows, 2}).add(comm.rank() * 2 * kRows).requires_grad_(true);
  const at::Tensor gathered_G2 = gather_with_grad({rows_B2}, comm)[0];
  reducer.backward(gathered_G2.mul(weight_2).sum().mul(comm.rank() + 1));
  return {gathered_G2.detach().cpu(), rows_B2.grad().cpu(), weight_2.grad().cpu()};
}

Communicator connect(Backend backend, const LaunchInfo& launch, at::Device device) {
#ifdef LONGCLIP_WITH_CUDA
  if (device.is_cuda()) c10::cuda::set_device(device.index());
#endif
  return Communicator::connect_group(launch, {.backend = backend, .timeout_seconds = 60}, device);
}

/// Every rank in a thread, on the CPU or with a card of its own.
std::vector<Outcome> train_over(Backend backend, int64_t world_size) {
  const int64_t port = test::free_port();
  std::vector<std::future<Outcome>> ranks;
  for (int64_t rank = 0; rank < world_size; ++rank) {
    ranks.push_back(std::async(std::launch::async, [backend, rank, world_size, port] {
      const at::Device device = backend == Backend::kNccl ? at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(rank)) : at::kCPU;
      Communicator comm = connect(backend, test::local_launch(rank, world_size, port), device);
      return train_once(comm, device);
    }));
  }
  std::vector<Outcome> outcomes;
  for (auto& rank : ranks) outcomes.push_back(rank.get());
  return outcomes;
}

void check_exact(Backend backend, int64_t world_size) {
  const at::Tensor all_G2 = at::arange(2 * kRows * world_size, at::kFloat).view({kRows * world_size, 2});
  const double factors = world_size == 1 ? 1 : 1 + 2;  // of the ranks' losses together
  for (const Outcome& outcome : train_over(backend, world_size)) {
    REQUIRE(outcome.gathered_G2.equal(all_G2));
    REQUIRE(outcome.rows_grad_B2.equal(at::full({kRows, 2}, factors, at::kFloat)));
    REQUIRE(outcome.weight_grad_2.equal(all_G2.sum(0).mul(factors / static_cast<double>(world_size))));
  }
}

void check_messages(Backend backend, at::Device device) {
  Communicator comm = connect(backend, test::local_launch(0, 1, test::free_port()), device);
  REQUIRE(comm.all_gather_numbers({0.1, -2}) == std::vector<std::vector<double>>{{0.1, -2}});
  REQUIRE(comm.broadcast("text") == "text");
  REQUIRE(comm.all_gather_text("text") == std::vector<std::string>{"text"});
  REQUIRE(comm.broadcast_to_cpu(at::full({4}, 7.0)).eq(7).all().item<bool>());
  REQUIRE(comm.all_reduce_max(5) == 5);
}

}  // namespace

TEST_CASE("Gloo: the gather's gradient and the averaged gradients are exact on one rank and on two", "[dist]") {
  check_exact(Backend::kGloo, 1);
  check_exact(Backend::kGloo, 2);
}

TEST_CASE("Gloo: a group of one rank sends and receives what it is given", "[dist]") { check_messages(Backend::kGloo, at::kCPU); }

#ifdef LONGCLIP_WITH_CUDA

TEST_CASE("NCCL: the loaded library is the one whose header the program was built with", "[unit]") {
  int loaded = 0;
  REQUIRE(ncclGetVersion(&loaded) == ncclSuccess);
  REQUIRE(loaded == NCCL_VERSION_CODE);
}

TEST_CASE("NCCL: the gather's gradient and the averaged gradients are exact on one rank, and on two where two cards are", "[.gpu]") {
  REQUIRE(c10::cuda::device_count() >= 1);
  check_exact(Backend::kNccl, 1);
  if (c10::cuda::device_count() < 2) return test::say_skipped("two ranks over NCCL", "a second card");
  check_exact(Backend::kNccl, 2);
}

TEST_CASE("NCCL: a group of one rank sends and receives what it is given", "[.gpu]") { check_messages(Backend::kNccl, {at::kCUDA, 0}); }

#endif

}  // namespace longclip
