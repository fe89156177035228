#pragma once
// tensors/snapshot.h -- a copy of tensors in memory that is allocated once and used again.
// The owner of the tensors begins it, another thread copies; between the two the tensors must not change.

#include <cstdint>
#include <memory>

#include "tensors/tensor_map.h"

namespace longclip {

class Snapshot {
 public:
  /// Allocates and touches memory for tensors like these: pinned for those on a GPU.
  explicit Snapshot(const TensorMap& like);
  ~Snapshot();

  /// Keeps references to `live`, and copies nothing. On a GPU the copies will wait for what the calling thread's current stream
  /// has been given so far. Throws ShapeError where the tensors are not those of the constructor.
  void begin(TensorMap live);
  /// Copies the tensors of begin() and lets go of them. Any thread; returns when they may change again.
  void copy();

  /// The copy, on the CPU. The tensors keep their addresses from one copy() to the next.
  const TensorMap& tensors() const { return copies_; }

 private:
  struct Source;  // what was begun
  std::unique_ptr<Source> source_;
  TensorMap copies_;
};

}  // namespace longclip
