#pragma once
// dist/grad_reducer.h -- averages gradients over ranks while the backward pass is still running (c10d::Reducer, DDP's engine).

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "dist/communicator.h"

namespace longclip {

/// Buckets are fixed at construction, in reverse order of the parameters, so that a resumed run adds in the same order
/// (bit-identical results). In a world of one it does nothing.
/// REQUIRES: `comm` and the parameters outlive it; every parameter gets a gradient in every backward pass that follows
/// prepare(), unless `find_unused`.
class GradReducer {
 public:
  /// `parameters`: leaves that require a gradient, in the order of the forward pass. Collective: broadcasts rank 0's values.
  GradReducer(const std::vector<at::Tensor>& parameters, Communicator& comm, bool find_unused);
  ~GradReducer();
  GradReducer(const GradReducer&) = delete;
  GradReducer& operator=(const GradReducer&) = delete;

  /// Call after the forward pass and before backward(), with the tensors backward() starts from. Collective.
  void prepare(const std::vector<at::Tensor>& outputs);
  /// prepare({loss}) and loss.backward(). A peer lost meanwhile is a DistError that names this rank. Collective.
  void backward(const at::Tensor& loss);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace longclip
