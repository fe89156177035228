// checkpoint/snapshot.cpp -- memcpy on a CPU; on a GPU asynchronous copies in a stream of their own.
// Only c10's device-independent streams and events are used, so that one source serves builds with and without CUDA.
#include "checkpoint/snapshot.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <cstring>
#include <optional>

#include "base/error.h"
#include "tensors/shape.h"

namespace longclip {
namespace {

at::Tensor buffer_like(const at::Tensor& tensor) {
  at::Tensor buffer = at::empty(tensor.sizes(), at::TensorOptions(tensor.scalar_type()).pinned_memory(tensor.is_cuda()));
  std::memset(buffer.mutable_data_ptr(), 0, buffer.nbytes());  // the pages exist from here on, not from the first copy
  return buffer;
}

TensorMap buffers_like(const TensorMap& tensors) {
  TensorMap buffers;
  for (const auto& [name, tensor] : tensors) buffers.emplace(name, buffer_like(tensor));
  return buffers;
}

/// Not copy_: it would start a second team of OpenMP threads beside that of the training.
void copy_tensor(const at::Tensor& from, at::Tensor& to) {
  if (from.is_cuda()) {
    to.copy_(from, /*non_blocking=*/true);
  } else if (from.nbytes() > 0) {
    std::memcpy(to.mutable_data_ptr(), from.contiguous().const_data_ptr(), to.nbytes());
  }
}

void copy_tensors(const TensorMap& from, TensorMap& to) {
  for (const auto& [name, tensor] : from) copy_tensor(tensor, to.at(name));
}

void check_alike(const TensorMap& live, const TensorMap& buffers) {
  require<ShapeError>(live.size() == buffers.size(), "snapshot: {} tensors, buffers for {}", live.size(), buffers.size());
  for (const auto& [name, tensor] : live) {
    const auto found = buffers.find(name);
    const bool fits = found != buffers.end() && found->second.sizes() == tensor.sizes() && found->second.scalar_type() == tensor.scalar_type();
    require<ShapeError>(fits, "snapshot: no buffer for '{}' {}", name, shape_text(tensor.sizes()));
  }
}

int64_t bytes_of(const TensorMap& tensors) {
  int64_t bytes = 0;
  for (const auto& [name, tensor] : tensors) bytes += static_cast<int64_t>(tensor.nbytes());
  return bytes;
}

}  // namespace

struct Snapshot::Source {
  TensorMap model, optimizer;
  std::optional<c10::Event> ready;  // GPU: the tensors have their values
  std::optional<c10::Stream> copies;
};

Snapshot::Snapshot(const Checkpoint& like) {
  content_.model = buffers_like(like.model);
  content_.optimizer = buffers_like(like.optimizer);
}

Snapshot::~Snapshot() = default;

void Snapshot::begin(Checkpoint live) {
  check_alike(live.model, content_.model);
  check_alike(live.optimizer, content_.optimizer);
  auto source = std::make_unique<Source>();
  source->model.swap(live.model);
  source->optimizer.swap(live.optimizer);
  const bool on_gpu = !source->model.empty() && source->model.begin()->second.is_cuda();
  if (on_gpu) {
    const at::Device device = source->model.begin()->second.device();
    const c10::impl::VirtualGuardImpl streams(device.type());
    source->ready.emplace(device.type());
    source->ready->record(streams.getStream(device));
    source->copies = streams.getStreamFromGlobalPool(device);
  }
  content_.architecture = std::move(live.architecture);
  content_.state = std::move(live.state);
  content_.config_yaml = std::move(live.config_yaml);
  source_ = std::move(source);
}

void Snapshot::copy() {
  const at::NoGradGuard no_grad;
  const std::unique_ptr<Source> source = std::move(source_);
  std::optional<c10::StreamGuard> in_own_stream;
  if (source->copies) {
    in_own_stream.emplace(*source->copies);
    source->ready->block(*source->copies);
  }
  copy_tensors(source->model, content_.model);
  copy_tensors(source->optimizer, content_.optimizer);
  if (source->copies) source->copies->synchronize();
}

int64_t tensor_bytes(const Checkpoint& checkpoint) { return bytes_of(checkpoint.model) + bytes_of(checkpoint.optimizer); }

}  // namespace longclip
