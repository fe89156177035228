// dist/gather.cpp -- one all-gather forward, one reduce-scatter backward.
#include "dist/gather.h"

#include <ATen/ops/cat.h>
#include <torch/csrc/autograd/custom_function.h>

namespace longclip {
namespace {

/// Carries the communicator to the backward pass. REQUIRES: it outlives the graph (the trainer owns both).
struct SavedCommunicator : torch::CustomClassHolder {
  explicit SavedCommunicator(Communicator* c) : comm(c) {}
  Communicator* comm;
};

struct GatherRows : torch::autograd::Function<GatherRows> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& rows,
                            const c10::intrusive_ptr<SavedCommunicator>& saved) {
    context->saved_data["comm"] = c10::IValue::make_capsule(saved);
    return saved->comm->all_gather_rows(rows);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& grad) {
    const auto saved = c10::static_intrusive_pointer_cast<SavedCommunicator>(context->saved_data["comm"].toCapsule());
    return {saved->comm->reduce_scatter_rows(grad[0]), at::Tensor()};
  }
};

}  // namespace

std::vector<at::Tensor> gather_with_grad(const std::vector<at::Tensor>& mine_BE, Communicator& comm) {
  if (comm.group_or_null() == nullptr) return mine_BE;
  std::vector<at::Tensor> defined;
  std::vector<int64_t> widths;
  for (const at::Tensor& tensor : mine_BE) {
    if (!tensor.defined()) continue;
    defined.push_back(tensor);
    widths.push_back(tensor.size(1));
  }
  const at::Tensor joined = GatherRows::apply(at::cat(defined, 1), c10::make_intrusive<SavedCommunicator>(&comm));
  std::vector<at::Tensor> parts = joined.split_with_sizes(widths, 1), all;
  size_t next = 0;
  for (const at::Tensor& tensor : mine_BE) all.push_back(tensor.defined() ? parts[next++] : at::Tensor());
  return all;
}

}  // namespace longclip
