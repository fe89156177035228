#pragma once
// kernels/captured_call.h -- a differentiable function whose GPU work is recorded once (CUDA graphs) and then replayed: the host
// launches one graph where it launched hundreds of kernels. After torch.cuda.make_graphed_callables.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace longclip {

/// What calls with the same parameters share: gradients, and memory for what lives between forward and backward. Only one of the
/// calls may be between its forward and its backward pass at any time.
class CapturedMemory {
 public:
  /// parameters: leaves on a GPU that collect gradients; empty: the calls have no backward pass. Throws InputError without CUDA.
  explicit CapturedMemory(std::vector<at::Tensor> parameters);
  ~CapturedMemory();
  /// What the graphs hold of the GPU's memory; torch counts it as free between two replays.
  int64_t held_bytes() const;

 private:
  friend class CapturedCall;
  struct State;
  std::shared_ptr<State> state_;
};

class CapturedCall {
 public:
  using Function = std::function<at::Tensor(const std::vector<at::Tensor>&)>;

  /// Runs `function` on `inputs` (on the GPU) three times: once to warm up, once each to record forward and backward.
  /// REQUIRES of `function`: fixed shapes; no random numbers; it reads no tensor on the host and brings none to the GPU; the
  /// parameters of `memory` stay where they are. Other threads may use the GPU meanwhile.
  CapturedCall(const Function& function, const std::vector<at::Tensor>& inputs, const CapturedMemory& memory);
  ~CapturedCall();
  CapturedCall(CapturedCall&&) noexcept;

  /// function(inputs), with gradient for the parameters unless gradients are off. inputs: shapes and dtypes as recorded, on the GPU or
  /// in pinned memory. The backward pass must come before the next call of any CapturedCall with this memory; it throws otherwise.
  at::Tensor operator()(const std::vector<at::Tensor>& inputs) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace longclip
