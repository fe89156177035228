#pragma once
// dist/communicator.h -- the ranks of a run and what they say to each other, over c10d (NCCL on CUDA, Gloo on CPU).
// A function is collective if and only if it takes a Communicator&. A world of one needs no launcher and sends nothing.

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dist/dist_config.h"
#include "dist/launch_info.h"

namespace c10d {
class ProcessGroup;
}

namespace longclip {

/// Every method but rank(), the sizes and the last two is collective: all ranks call it in the same order. A failed
/// collective throws DistError that names it, this rank and the lost one; a rank that waits in a collective which cannot
/// complete ends with a line that says so and exit code 3 (dist/rank_watch.h).
class Communicator {
 public:
  /// Meets the other ranks. `device`: where the tensors of collectives live.
  static Communicator connect(const LaunchInfo& launch, const DistributedConfig& config, at::Device device);
  /// The same with a process group even in a world of one, which connect() does without (tests of a backend).
  static Communicator connect_group(const LaunchInfo& launch, const DistributedConfig& config, at::Device device);
  ~Communicator();
  Communicator(Communicator&&) noexcept;
  Communicator& operator=(Communicator&&) noexcept;

  int64_t rank() const { return launch_.rank; }
  int64_t world_size() const { return launch_.world_size; }
  int64_t local_world_size() const { return launch_.local_world_size; }  ///< ranks on this machine

  /// rows [B, ...] of each rank -> [world_size * B, ...], rank-major. No gradient.
  at::Tensor all_gather_rows(const at::Tensor& rows);
  /// [world_size * B, ...] of each rank -> this rank's B rows of the sum over ranks.
  at::Tensor reduce_scatter_rows(const at::Tensor& rows);
  /// The largest value of all ranks.
  int64_t all_reduce_max(int64_t value);
  /// The numbers of each rank, in rank order.
  std::vector<std::vector<double>> all_gather_numbers(const std::vector<double>& mine);
  /// Rank 0's tensors, in place.
  void broadcast(std::vector<at::Tensor>& tensors);
  /// Rank 0's tensor on the CPU, whatever device collectives use; `tensor` has its shape and dtype on every rank.
  at::Tensor broadcast_to_cpu(const at::Tensor& tensor);
  /// Rank 0's text.
  std::string broadcast(const std::string& text);
  /// The text of each rank, in rank order.
  std::vector<std::string> all_gather_text(const std::string& text);
  void barrier();

  /// The c10d group, for the gradient reducer; null in a world of one.
  c10d::ProcessGroup* group_or_null() const;
  /// Calls `work`, which communicates through group_or_null(); what it throws because of the ranks becomes a DistError
  /// that names the lost rank, this one, the step and `name`. Errors of a computation in it pass as they are.
  void guard(const char* name, const std::function<void()>& work);

  /// Not collective: what this rank works on and why it ends, for the messages of the others.
  void at_step(int64_t step);
  void say_farewell(const std::string& reason);

 private:
  struct State;
  Communicator(LaunchInfo launch, std::unique_ptr<State> state);
  template <class Collective> void run(const char* name, Collective&& collective);
  [[noreturn]] void fail_collective(const char* name, const std::string& reason);

  LaunchInfo launch_;
  std::unique_ptr<State> state_;
};

}  // namespace longclip
