#pragma once
// support/child_process.h -- runs a function in a forked process, so that its crash, its time and its memory are its own.

#include <cstdint>
#include <functional>

namespace longclip::test {

struct ChildOutcome {
  int exit_code = -1;  ///< what the function returned; -1 if a signal ended the process
  double processor_seconds = 0;
  int64_t peak_bytes = 0;  ///< resident, that of this process at the fork included
};

/// After `max_seconds` of the processor a signal ends the child. For processes without other threads.
ChildOutcome run_in_child(const std::function<int()>& function, int64_t max_seconds);

}  // namespace longclip::test
