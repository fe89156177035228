// dist/communicator.cpp -- one process group, and the few collectives a run needs.
#include "dist/communicator.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Logging.h>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <exception>

#include "base/error.h"
#include "base/log.h"
#include "dist/backends.h"
#include "dist/rank_watch.h"
#include "dist/rendezvous.h"

namespace longclip {
namespace {

/// c10d's own warnings: stack traces of every failed contact with a store that is gone, which the watch reports in a line.
constexpr int kErrorsAlone = 2;

WatchOptions watch_options(const LaunchInfo& launch, std::chrono::milliseconds timeout) {
  return {.rank = launch.rank,
          .world_size = launch.world_size,
          .timeout = timeout,
          .serves_store = launch.rank == 0 && !launch.agent_serves_store,
          .store_name = fmt::format("the store of {} at {}{}", launch.agent_serves_store ? "the launcher" : "rank 0", launch.master_address,
                                    launch.master_port == 0 ? "" : fmt::format(":{}", launch.master_port)),
          .end_process = [](const std::string& line) {
            log_error("{}", line);
            _exit(kExitPeerLost);  // the main thread waits for what never comes; nothing that a checkpoint needs is unfinished
          }};
}

[[noreturn]] void fail_to_meet(const LaunchInfo& launch, const char* reason) {
  fail<DistError>("rank {} of {} could not meet the others at {}:{}: {}", launch.rank, launch.world_size,
                  launch.master_address, launch.master_port, reason);
}

}  // namespace

struct Communicator::State {
  std::unique_ptr<RankWatch> watch;
  bool failed = false;
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<c10d::Backend> backend;
  c10::intrusive_ptr<c10d::ProcessGroup> group;
  at::Device device = at::kCPU;
};

Communicator::Communicator(LaunchInfo launch, std::unique_ptr<State> state)
    : launch_(std::move(launch)), state_(std::move(state)) {}
Communicator::Communicator(Communicator&&) noexcept = default;
Communicator& Communicator::operator=(Communicator&&) noexcept = default;
Communicator::~Communicator() {
  if (!state_ || !state_->backend) return;
  const bool well = !state_->failed && std::uncaught_exceptions() == 0;
  if (!well) state_->watch->say_farewell("an error of its own");
  if (well && launch_.rank == 0 && !launch_.agent_serves_store) state_->watch->wait_for_farewells();
  if (!well) {  // first the connections, so that the others ask for the cause while the store is there
    state_->backend->abort();
    state_->group.reset();
    state_->backend.reset();
  }
  state_->watch.reset();
  if (well) state_->backend->shutdown();
}

Communicator Communicator::connect(const LaunchInfo& launch, const DistributedConfig& config, at::Device device) {
  if (launch.world_size > 1) return connect_group(launch, config, device);
  auto state = std::make_unique<State>();
  state->device = device;
  return {launch, std::move(state)};
}

Communicator Communicator::connect_group(const LaunchInfo& launch, const DistributedConfig& config, at::Device device) {
  auto state = std::make_unique<State>();
  state->device = device;
  if (std::getenv("TORCH_CPP_LOG_LEVEL") == nullptr) FLAGS_caffe2_log_level = kErrorsAlone;
  const bool nccl = config.backend == Backend::kNccl || (config.backend == Backend::kAuto && device.is_cuda());
  require<InputError>(nccl == device.is_cuda(), "distributed.backend: {} needs tensors on {}, this run computes on {}",
                      nccl ? "nccl" : "gloo", nccl ? "a GPU" : "the CPU", device.str());
  const std::chrono::milliseconds timeout = std::chrono::seconds(config.timeout_seconds);
  try {
    state->store = connect_store(launch, timeout);
    // A collective gives up early enough that the lost rank can still be found within the timeout.
    const BackendRequest request{state->store, launch, timeout * 3 / 4};
#ifdef LONGCLIP_WITH_CUDA
    state->backend = nccl ? make_nccl_backend(request) : make_gloo_backend(request);
#else
    state->backend = make_gloo_backend(request);
#endif
    const auto type = nccl ? c10d::ProcessGroup::BackendType::NCCL : c10d::ProcessGroup::BackendType::GLOO;
    state->group = c10::make_intrusive<c10d::ProcessGroup>(state->store, static_cast<int>(launch.rank),
                                                           static_cast<int>(launch.world_size));
    state->group->setDefaultBackend(type);
    state->group->setBackend(device.type(), type, state->backend);
    state->watch = std::make_unique<RankWatch>(state->store->clone(), watch_options(launch, timeout));
  } catch (const DistError&) {  // from the backend, with its own words
    throw;
  } catch (const c10::Error& error) {
    fail_to_meet(launch, error.what_without_backtrace());
  } catch (const std::runtime_error& error) {  // Gloo's own exceptions
    fail_to_meet(launch, error.what());
  }
  Communicator comm(launch, std::move(state));
  comm.barrier();  // backends connect at the first collective: fail here, not in the first step
  return comm;
}

c10d::ProcessGroup* Communicator::group_or_null() const { return state_->group.get(); }

void Communicator::fail_collective(const char* name, const std::string& reason) {
  state_->failed = true;
  fail<DistError>("rank {}: {} failed {}", launch_.rank, name, state_->watch->explain(reason));
}

template <class Collective> void Communicator::run(const char* name, Collective&& collective) {
  const RankWatch::Inside inside(*state_->watch, name);
  try {
    collective()->wait();
  } catch (const c10::Error& error) {
    fail_collective(name, error.what_without_backtrace());
  } catch (const std::runtime_error& error) {  // Gloo's own exceptions
    fail_collective(name, error.what());
  }
}

void Communicator::guard(const char* name, const std::function<void()>& work) {
  const RankWatch::Inside inside(*state_->watch, name);
  try {
    work();
  } catch (const DistError&) {  // from a collective within
    throw;
  } catch (const c10::DistError& error) {
    fail_collective(name, error.what_without_backtrace());
  } catch (const c10::Error&) {  // out of memory, a kernel: nothing of the ranks
    throw;
  } catch (const std::runtime_error& error) {  // Gloo's own exceptions
    fail_collective(name, error.what());
  }
}

void Communicator::at_step(int64_t step) {
  if (state_->watch) state_->watch->at_step(step);
}

void Communicator::say_farewell(const std::string& reason) {
  if (state_->watch) state_->watch->say_farewell(reason);
}

at::Tensor Communicator::all_gather_rows(const at::Tensor& rows) {
  if (!state_->group) return rows;
  at::Tensor input = rows.contiguous();
  std::vector<int64_t> shape = input.sizes().vec();
  shape[0] *= world_size();
  at::Tensor all = at::empty(shape, input.options());
  run("all-gather", [&] { return state_->group->_allgather_base(all, input); });
  return all;
}

at::Tensor Communicator::reduce_scatter_rows(const at::Tensor& rows) {
  if (!state_->group) return rows;
  at::Tensor input = rows.contiguous();
  std::vector<int64_t> shape = input.sizes().vec();
  shape[0] /= world_size();
  at::Tensor mine = at::empty(shape, input.options());
  run("reduce-scatter", [&] { return state_->group->_reduce_scatter_base(mine, input); });
  return mine;
}

int64_t Communicator::all_reduce_max(int64_t value) {
  if (!state_->group) return value;
  std::vector<at::Tensor> tensors{at::tensor({value}, at::kLong).to(state_->device)};
  c10d::AllreduceOptions options;
  options.reduceOp = c10d::ReduceOp::MAX;
  run("all-reduce", [&] { return state_->group->allreduce(tensors, options); });
  return tensors[0].item<int64_t>();
}

std::vector<std::vector<double>> Communicator::all_gather_numbers(const std::vector<double>& mine) {
  if (!state_->group) return {mine};
  const auto count = static_cast<int64_t>(mine.size());
  const at::Tensor rows = all_gather_rows(at::tensor(mine, at::kDouble).view({1, count}).to(state_->device)).cpu();
  std::vector<std::vector<double>> all;
  for (int64_t rank = 0; rank < world_size(); ++rank) {
    const double* row = rows.const_data_ptr<double>() + rank * count;
    all.emplace_back(row, row + count);
  }
  return all;
}

void Communicator::broadcast(std::vector<at::Tensor>& tensors) {
  if (!state_->group) return;
  for (at::Tensor& tensor : tensors) {
    std::vector<at::Tensor> one{tensor};
    run("broadcast", [&] { return state_->group->broadcast(one); });
  }
}

at::Tensor Communicator::broadcast_to_cpu(const at::Tensor& tensor) {
  std::vector<at::Tensor> tensors{tensor.to(state_->device)};
  broadcast(tensors);
  return tensors[0].cpu();
}

std::string Communicator::broadcast(const std::string& text) {
  if (!state_->group) return text;
  const int64_t size = all_reduce_max(rank() == 0 ? static_cast<int64_t>(text.size()) : 0);
  at::Tensor bytes = at::empty({std::max<int64_t>(size, 1)}, at::kByte);
  if (rank() == 0) std::memcpy(bytes.mutable_data_ptr<uint8_t>(), text.data(), text.size());
  std::vector<at::Tensor> tensors{bytes.to(state_->device)};
  broadcast(tensors);
  const at::Tensor received = tensors[0].cpu();
  return {reinterpret_cast<const char*>(received.const_data_ptr<uint8_t>()), static_cast<size_t>(size)};
}

std::vector<std::string> Communicator::all_gather_text(const std::string& text) {
  if (!state_->group) return {text};
  const int64_t longest = all_reduce_max(static_cast<int64_t>(text.size()));
  at::Tensor row = at::zeros({1, longest + 8}, at::kByte);  // its size, then its bytes
  const auto size = static_cast<int64_t>(text.size());
  std::memcpy(row.mutable_data_ptr<uint8_t>(), &size, sizeof size);
  std::memcpy(row.mutable_data_ptr<uint8_t>() + sizeof size, text.data(), text.size());
  const at::Tensor rows = all_gather_rows(row.to(state_->device)).cpu();
  std::vector<std::string> texts;
  for (int64_t i = 0; i < world_size(); ++i) {
    const auto* bytes = rows.const_data_ptr<uint8_t>() + i * rows.size(1);
    int64_t length = 0;
    std::memcpy(&length, bytes, sizeof length);
    texts.emplace_back(reinterpret_cast<const char*>(bytes) + sizeof length, static_cast<size_t>(length));
  }
  return texts;
}

void Communicator::barrier() { all_reduce_max(0); }

}  // namespace longclip
