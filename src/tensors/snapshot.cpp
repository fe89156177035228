// tensors/snapshot.cpp -- memcpy on a CPU; on a GPU asynchronous copies in a stream of their own.
// Only c10's device-independent streams and events are used, so that one source serves builds with and without CUDA.
#include "tensors/snapshot.h"

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

/// Not copy_: it would start a second team of OpenMP threads beside that of the training.
void copy_tensor(const at::Tensor& from, at::Tensor& to) {
  if (from.is_cuda()) {
    to.copy_(from, /*non_blocking=*/true);
  } else if (from.nbytes() > 0) {
    std::memcpy(to.mutable_data_ptr(), from.contiguous().const_data_ptr(), to.nbytes());
  }
}

void check_alike(const TensorMap& live, const TensorMap& buffers) {
  require<ShapeError>(live.size() == buffers.size(), "snapshot: {} tensors, buffers for {}", live.size(), buffers.size());
  for (const auto& [name, tensor] : live) {
    const auto found = buffers.find(name);
    const bool fits = found != buffers.end() && found->second.sizes() == tensor.sizes() && found->second.scalar_type() == tensor.scalar_type();
    require<ShapeError>(fits, "snapshot: no buffer for '{}' {}", name, shape_text(tensor.sizes()));
  }
}

}  // namespace

struct Snapshot::Source {
  TensorMap tensors;
  std::optional<c10::Event> ready;  // GPU: the tensors have their values
  std::optional<c10::Stream> copies;
};

Snapshot::Snapshot(const TensorMap& like) {
  for (const auto& [name, tensor] : like) copies_.emplace(name, buffer_like(tensor));
}

Snapshot::~Snapshot() = default;

void Snapshot::begin(TensorMap live) {
  check_alike(live, copies_);
  source_ = std::make_unique<Source>();
  source_->tensors = std::move(live);
  if (source_->tensors.empty() || !source_->tensors.begin()->second.is_cuda()) return;
  const at::Device device = source_->tensors.begin()->second.device();
  const c10::impl::VirtualGuardImpl streams(device.type());
  source_->ready.emplace(device.type());
  source_->ready->record(streams.getStream(device));
  source_->copies = streams.getStreamFromGlobalPool(device);
}

void Snapshot::copy() {
  const at::NoGradGuard no_grad;
  const std::unique_ptr<Source> source = std::move(source_);
  std::optional<c10::StreamGuard> in_own_stream;
  if (source->copies) {
    in_own_stream.emplace(*source->copies);
    source->ready->block(*source->copies);
  }
  for (const auto& [name, tensor] : source->tensors) copy_tensor(tensor, copies_.at(name));
  if (source->copies) source->copies->synchronize();
}

}  // namespace longclip
