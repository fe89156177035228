#pragma once
// checkpoint/snapshot.h -- a copy of a checkpoint's tensors in memory that is allocated once and used again.
// The owner of the tensors begins it, another thread copies; between the two the tensors must not change.

#include <cstdint>
#include <memory>

#include "checkpoint/checkpoint_folder.h"

namespace longclip {

class Snapshot {
 public:
  /// Allocates and touches buffers for tensors like those of `like`: pinned memory for tensors on a GPU.
  explicit Snapshot(const Checkpoint& like);
  ~Snapshot();

  /// Takes the small parts of `live` and references to its tensors. On a GPU the copies will wait for what the calling
  /// thread's current stream has been given so far. Copies no tensor that `like` had.
  void begin(Checkpoint live);
  /// Copies the tensors of begin() and lets go of them. Any thread; returns when they may change again.
  void copy();

  /// The copy. The tensors keep their addresses from one copy() to the next.
  const Checkpoint& content() const { return content_; }

 private:
  struct Source;  // what was begun
  std::unique_ptr<Source> source_;
  Checkpoint content_;
};

/// Bytes of all tensors.
int64_t tensor_bytes(const Checkpoint& checkpoint);

}  // namespace longclip
