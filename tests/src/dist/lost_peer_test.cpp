// tests/src/dist/lost_peer_test.cpp -- a rank that never comes, falls silent, or is killed ends the others with DistError.
#include <ATen/ops/ones.h>
#include <spawn.h>
#include <sys/wait.h>
#include <torch/csrc/autograd/autograd.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <future>

#include "base/error.h"
#include "dist/communicator.h"
#include "dist/gather.h"
#include "dist/grad_reducer.h"
#include "local_ranks.h"

#include "support/catch.h"

namespace longclip {
namespace {

constexpr const char* kKilledRank = "Rank 1 of the test below meets rank 0 and dies";

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Communicator connect(const LaunchInfo& launch, int64_t timeout_seconds) {
  return Communicator::connect(launch, {.backend = Backend::kGloo, .timeout_seconds = timeout_seconds}, at::kCPU);
}

/// This program again, with one test case of it, as rank 1 of 2.
pid_t spawn_rank_1(int64_t port) {
  std::vector<std::string> variables{"RANK=1", "WORLD_SIZE=2", "LOCAL_RANK=1", "MASTER_ADDR=127.0.0.1",
                                     "MASTER_PORT=" + std::to_string(port)};
  for (char** inherited = environ; *inherited != nullptr; ++inherited) variables.emplace_back(*inherited);
  std::vector<std::string> arguments{"longclip_dist_test", kKilledRank};
  const auto pointers = [](std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (std::string& text : texts) all.push_back(text.data());
    all.push_back(nullptr);
    return all;
  };
  pid_t child = 0;
  const int error =
      posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, pointers(arguments).data(), pointers(variables).data());
  if (error != 0) throw std::runtime_error("posix_spawn failed");
  return child;
}

}  // namespace

TEST_CASE("Communicator: a rank that never comes is a DistError that names the meeting place", "[dist]") {
  const int64_t port = test::free_port();
  const auto start = std::chrono::steady_clock::now();
  std::string message;
  try {
    connect(test::local_launch(0, 2, port), 1);
  } catch (const DistError& error) {
    message = error.what();
  }
  REQUIRE_THAT(message,
               ContainsSubstring("rank 0 of 2 could not meet the others at 127.0.0.1:" + std::to_string(port)));
  REQUIRE(seconds_since(start) < 10);
}

TEST_CASE("Communicator: a rank that falls silent is a DistError within the timeout", "[dist]") {
  const int64_t port = test::free_port();
  std::promise<void> rank_0_is_done;
  auto silent = std::async(std::launch::async, [&] {
    const Communicator comm = connect(test::local_launch(1, 2, port), 2);
    rank_0_is_done.get_future().wait();
  });
  Communicator comm = connect(test::local_launch(0, 2, port), 2);
  const auto start = std::chrono::steady_clock::now();
  std::string message;
  try {
    comm.barrier();
  } catch (const DistError& error) {
    message = error.what();
  }
  const double waited = seconds_since(start);
  rank_0_is_done.set_value();
  silent.get();
  REQUIRE_THAT(message, ContainsSubstring("rank 0: all-reduce failed"));
  REQUIRE(waited > 1);
  REQUIRE(waited < 10);
}

TEST_CASE("GradReducer: a rank lost during the backward pass is a DistError, with and without a gather", "[dist]") {
  for (const bool gather : {false, true}) {
    const int64_t port = test::free_port();
    const auto make_loss = [&](const at::Tensor& w, Communicator& comm) {
      return gather ? gather_with_grad({w}, comm)[0].sum() : w.sum();
    };
    auto lost = std::async(std::launch::async, [&] {
      Communicator comm = connect(test::local_launch(1, 2, port), 20);
      const at::Tensor w = at::ones({2, 3}).requires_grad_(true);
      GradReducer reducer({w}, comm, /*find_unused=*/false);
      make_loss(w, comm);
    });
    Communicator comm = connect(test::local_launch(0, 2, port), 20);
    const at::Tensor w = at::ones({2, 3}).requires_grad_(true);
    GradReducer reducer({w}, comm, /*find_unused=*/false);
    const at::Tensor loss = make_loss(w, comm);
    lost.get();
    std::string message;
    try {
      reducer.backward(loss);
    } catch (const DistError& error) {
      message = error.what();
    }
    REQUIRE_THAT(message,
                 ContainsSubstring(gather ? "rank 0: reduce-scatter failed" : "rank 0: averaging gradients failed"));
  }
}

// Hidden: run by the next case only, in a process of its own.
TEST_CASE("Rank 1 of the test below meets rank 0 and dies", "[.rank]") {
  const Communicator comm = connect(LaunchInfo::from_environment(), 60);
  raise(SIGKILL);
}

TEST_CASE("Communicator: a killed process is a DistError long before the timeout", "[dist]") {
  const int64_t port = test::free_port();
  const pid_t child = spawn_rank_1(port);
  Communicator comm = connect(test::local_launch(0, 2, port), 60);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  const auto start = std::chrono::steady_clock::now();
  REQUIRE_THROWS_AS(comm.barrier(), DistError);
  REQUIRE(seconds_since(start) < 30);
}

}  // namespace longclip
