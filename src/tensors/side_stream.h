#pragma once
// tensors/side_stream.h -- a second queue of a GPU, for work that can run beside what the current one still has to do.

#include <c10/core/Event.h>
#include <c10/core/Stream.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <optional>

namespace longclip {

/// On a CPU there is no second queue: run() runs its work.
class SideStream {
 public:
  explicit SideStream(c10::Device device) : device_(device) {
    if (!device.is_cuda()) return;
    stream_ = c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device, /*isHighPriority=*/true);
    event_.emplace(device.type());
  }

  /// What the current stream has been given until now is all that the next run() waits for.
  void mark() {
    if (stream_) event_->record(current());
  }

  /// work() on the side stream; the current one goes on after it. Tensors that it makes may be used, and freed, on the current stream: their
  /// memory is written again on the side stream alone, behind the next mark().
  template <class Work> void run(Work&& work) {
    if (!stream_) return work();
    event_->block(*stream_);
    {
      const c10::StreamGuard on_side(*stream_);
      work();
    }
    c10::Event done(device_.type());
    done.record(*stream_);
    done.block(current());
  }

 private:
  c10::Stream current() const { return c10::impl::VirtualGuardImpl(device_.type()).getStream(device_); }

  c10::Device device_;
  std::optional<c10::Stream> stream_;
  std::optional<c10::Event> event_;
};

}  // namespace longclip
