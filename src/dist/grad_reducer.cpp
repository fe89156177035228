// dist/grad_reducer.cpp -- c10d::Reducer driven from C++.
#include "dist/grad_reducer.h"

#include <torch/csrc/distributed/c10d/reducer.hpp>

#include <algorithm>

namespace longclip {

struct GradReducer::State {
  std::unique_ptr<c10d::Reducer> reducer;
  Communicator& comm;
  bool find_unused = false;
};

GradReducer::GradReducer(const std::vector<at::Tensor>& parameters, Communicator& comm, bool find_unused)
    : state_(std::make_unique<State>(nullptr, comm, find_unused)) {
  if (comm.group_or_null() == nullptr) return;
  std::vector<at::Tensor> values;
  for (const at::Tensor& parameter : parameters) values.push_back(parameter.detach());
  comm.broadcast(values);
  constexpr size_t kFirstBucketBytes = 1 << 20, kBucketBytes = 25 << 20;  // DDP's defaults
  auto [buckets, limits] = c10d::compute_bucket_assignment_by_size(parameters, {kFirstBucketBytes, kBucketBytes});
  std::reverse(buckets.begin(), buckets.end());  // gradients appear from the last parameter on
  const auto group = c10::intrusive_ptr<c10d::ProcessGroup>::reclaim_copy(comm.group_or_null());
  // rebuild_buckets() is never called: it would change the order of additions after the first step, and a resumed run
  // would differ in its last bits (seen with Gloo and three ranks).
  state_->reducer = std::make_unique<c10d::Reducer>(
      parameters, buckets, group, /*expect_sparse_gradients=*/std::vector<bool>(parameters.size(), false),
      static_cast<int64_t>(kBucketBytes), find_unused, /*gradient_as_bucket_view=*/false,
      std::unordered_map<size_t, std::string>{}, static_cast<int64_t>(kFirstBucketBytes),
      /*skip_all_reduce_unused_params=*/false, /*use_python_reducer=*/false,
      /*bucket_bytes_cap_list=*/std::vector<int64_t>{});
}

GradReducer::~GradReducer() = default;

void GradReducer::prepare(const std::vector<at::Tensor>& outputs) {
  if (state_->reducer) state_->reducer->prepare_for_backward(state_->find_unused ? outputs : std::vector<at::Tensor>{});
}

void GradReducer::backward(const at::Tensor& loss) {
  if (!state_->reducer) return loss.backward();
  state_->comm.guard("averaging gradients", [&] {
    prepare({loss});
    loss.backward();
  });
}

}  // namespace longclip
