#pragma once
// data/loader_watch.h -- notices when training waits for its data, and says what to do. It is told times and reads no clock.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

namespace longclip {

/// Looks at the last 50 steps; speaks when more than a fifth of their time was waiting, and again after 500 steps at the
/// earliest. The first steps of a process, in which the threads get going, do not count.
class LoaderWatch {
 public:
  /// What the advice depends on, of one rank.
  struct Setup {
    int64_t workers = 1;
    int64_t cores = 1;  ///< the rank's share of the machine
    bool crop_cache = false;
  };
  explicit LoaderWatch(const Setup& setup) : setup_(setup) {}
  /// One more step, of which `wait_seconds` were waiting for the loader. Returns the warning that is due, if one is.
  std::optional<std::string> add_step(double wait_seconds, double step_seconds);

 private:
  std::string advice(double share) const;

  const Setup setup_;
  int64_t steps_ = 0;
  int64_t quiet_until_ = 0;
  std::deque<std::pair<double, double>> recent_;  // (wait, step)
};

}  // namespace longclip
