#pragma once
// base/progress.h -- a progress bar on stderr for long work; silent where stderr is not a terminal.

#include <cstdint>
#include <string>

namespace longclip {

/// REQUIRES: one thread calls it. The bar is redrawn at most ten times a second and ends with a newline.
class ProgressBar {
 public:
  /// `what` names the work ("encode images"), `total` its units.
  ProgressBar(std::string what, int64_t total);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  /// `done` units are finished; `note` is shown behind the bar ("loss 3.2").
  void update(int64_t done, const std::string& note = "");

 private:
  std::string what_;
  int64_t total_;
  bool terminal_;
  double started_seconds_;
  double drawn_seconds_ = -1;
};

/// Seconds on a clock that never goes back.
double monotonic_seconds();

}  // namespace longclip
