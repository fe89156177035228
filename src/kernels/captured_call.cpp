// kernels/captured_call.cpp -- see kernels/captured_call.h. Gradients of the parameters leave the graph by way of buffers that all
// calls share; they become the parameters' .grad without a copy, and are copied only where a second backward pass follows.
#include "kernels/captured_call.h"

#include "base/error.h"

#ifdef LONGCLIP_WITH_CUDA

#include <ATen/core/grad_mode.h>
#include <ATen/cuda/CUDAGraph.h>
#include <ATen/ops/_foreach_copy.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/ones_like.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>

namespace longclip {

using torch::autograd::variable_list;

struct CapturedMemory::State {
  std::vector<at::Tensor> parameters, grads;
  at::cuda::MempoolId_t pool = at::cuda::graph_pool_handle();
  c10::cuda::CUDAStream stream = c10::cuda::getStreamFromPool();
  int64_t held_bytes = 0;
  uint64_t num_forwards = 0;
};

struct CapturedCall::State {
  std::shared_ptr<CapturedMemory::State> memory;
  std::vector<at::Tensor> inputs;
  at::Tensor output, grad_output;
  at::cuda::CUDAGraph forward, backward;
};

namespace {

int64_t reserved_bytes(c10::DeviceIndex device) {
  constexpr auto kAll = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  return c10::cuda::CUDACachingAllocator::getDeviceStats(device).reserved_bytes[kAll].current;
}

void record(at::cuda::CUDAGraph& graph, at::cuda::MempoolId_t pool, const std::function<void()>& work) {
  graph.capture_begin(pool, cudaStreamCaptureModeThreadLocal);  // the data loader's threads pin memory meanwhile
  work();
  graph.capture_end();
}

/// Each fresh alias of a shared gradient is used by nobody else, so AccumulateGrad takes it as it is.
variable_list aliases(const std::vector<at::Tensor>& grads) {
  variable_list made;
  for (const at::Tensor& grad : grads) made.push_back(grad.detach());
  return made;
}

/// A gradient that an earlier backward pass left in the shared buffers is copied before this one writes them.
void keep_earlier_grads(const std::vector<at::Tensor>& parameters, const std::vector<at::Tensor>& grads) {
  for (size_t i = 0; i < parameters.size(); ++i) {
    at::Tensor& earlier = parameters[i].mutable_grad();
    if (earlier.defined() && earlier.is_alias_of(grads[i])) earlier = earlier.clone();
  }
}

/// The node of a replayed call in the autograd graph: from the output's gradient to the parameters'.
struct ReplayBackward : torch::autograd::Node {
  std::function<variable_list(const at::Tensor&)> replay;
  variable_list apply(variable_list&& grads) override { return replay(grads[0]); }
  std::string name() const override { return "longclip::ReplayBackward"; }
};

}  // namespace

CapturedMemory::CapturedMemory(std::vector<at::Tensor> parameters) : state_(std::make_shared<State>()) {
  state_->parameters = std::move(parameters);
  for (const at::Tensor& parameter : state_->parameters) state_->grads.push_back(at::empty_like(parameter.detach()));
}

CapturedMemory::~CapturedMemory() = default;

int64_t CapturedMemory::held_bytes() const { return state_->held_bytes; }

CapturedCall::CapturedCall(const Function& function, const std::vector<at::Tensor>& inputs, const CapturedMemory& memory)
    : state_(std::make_shared<State>()) {
  CapturedMemory::State& shared = *memory.state_;
  State& state = *state_;
  state.memory = memory.state_;
  for (const at::Tensor& input : inputs) state.inputs.push_back(input.detach().clone());
  const auto device = state.inputs.at(0).device().index();
  const at::AutoGradMode grad_mode(!shared.parameters.empty());
  c10::cuda::getCurrentCUDAStream().synchronize();
  const c10::cuda::CUDAStreamGuard on_stream(shared.stream);
  const auto gradients = [&](const at::Tensor& output) {
    return torch::autograd::grad({output}, shared.parameters, {state.grad_output}, /*retain_graph=*/false);
  };
  {  // libraries load their kernels and take their workspaces
    const at::Tensor output = function(state.inputs);
    state.output = at::empty_like(output.detach());
    state.grad_output = at::ones_like(state.output);
    if (!shared.parameters.empty()) gradients(output);
  }
  shared.stream.synchronize();
  c10::cuda::CUDACachingAllocator::emptyCache();
  const int64_t reserved_before = reserved_bytes(device);
  at::Tensor output;
  record(state.forward, shared.pool, [&] {
    output = function(state.inputs);
    state.output.copy_(output.detach());
  });
  if (!shared.parameters.empty()) {
    record(state.backward, shared.pool, [&] {
      const variable_list grads = gradients(output);
      const at::NoGradGuard no_grad;
      at::_foreach_copy_(shared.grads, grads);
    });
  }
  shared.held_bytes += reserved_bytes(device) - reserved_before;
}

CapturedCall::~CapturedCall() = default;
CapturedCall::CapturedCall(CapturedCall&&) noexcept = default;

at::Tensor CapturedCall::operator()(const std::vector<at::Tensor>& inputs) const {
  State& state = *state_;
  CapturedMemory::State& shared = *state.memory;
  require<ShapeError>(inputs.size() == state.inputs.size(), "{} inputs for a recorded call of {}", inputs.size(), state.inputs.size());
  at::Tensor output;
  {
    const at::NoGradGuard no_grad;
    for (size_t i = 0; i < inputs.size(); ++i) {
      require<ShapeError>(inputs[i].sizes() == state.inputs[i].sizes(), "input {} of a recorded call has another shape than at its recording", i);
      state.inputs[i].copy_(inputs[i], /*non_blocking=*/true);
    }
    state.forward.replay();
    output = state.output.clone();
  }
  const uint64_t turn = ++shared.num_forwards;
  if (shared.parameters.empty() || !at::GradMode::is_enabled()) return output;
  const std::shared_ptr<ReplayBackward> node(new ReplayBackward, torch::autograd::deleteNode);
  node->replay = [state = state_, turn](const at::Tensor& grad_output) {
    const CapturedMemory::State& memory = *state->memory;
    require<std::logic_error>(memory.num_forwards == turn, "a recorded call ran again before its backward pass");
    keep_earlier_grads(memory.parameters, memory.grads);
    grad_output.defined() ? state->grad_output.copy_(grad_output) : state->grad_output.zero_();
    state->backward.replay();
    return aliases(memory.grads);
  };
  node->set_next_edges(torch::autograd::collect_next_edges(shared.parameters));
  torch::autograd::set_history(output, node);
  return output;
}

}  // namespace longclip

#else

namespace longclip {

struct CapturedMemory::State {};
struct CapturedCall::State {};
CapturedMemory::CapturedMemory(std::vector<at::Tensor>) { throw InputError("recording the GPU's work needs CUDA, which this program was built without"); }
CapturedMemory::~CapturedMemory() = default;
int64_t CapturedMemory::held_bytes() const { return 0; }
CapturedCall::CapturedCall(const Function&, const std::vector<at::Tensor>&, const CapturedMemory&) {}
CapturedCall::~CapturedCall() = default;
CapturedCall::CapturedCall(CapturedCall&&) noexcept = default;
at::Tensor CapturedCall::operator()(const std::vector<at::Tensor>&) const { return {}; }

}  // namespace longclip

#endif
