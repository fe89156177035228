// base/progress.cpp -- draws "encode images [#####.....] 120/500 24% 31/s 0:12 left".
#include "base/progress.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "base/error.h"

namespace longclip {

double monotonic_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

ProgressBar::ProgressBar(std::string what, int64_t total)
    : what_(std::move(what)), total_(std::max<int64_t>(total, 1)), terminal_(isatty(STDERR_FILENO) == 1),
      started_seconds_(monotonic_seconds()) {}

ProgressBar::~ProgressBar() {
  if (terminal_ && drawn_seconds_ >= 0) std::fputc('\n', stderr);
}

void ProgressBar::update(int64_t done, const std::string& note) {
  if (!terminal_) return;
  const double now = monotonic_seconds();
  if (done < total_ && drawn_seconds_ >= 0 && now - drawn_seconds_ < 0.1) return;
  drawn_seconds_ = now;
  const double seconds = now - started_seconds_;
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  const auto left_seconds = static_cast<int64_t>(rate > 0 ? static_cast<double>(total_ - done) / rate : 0);
  const auto filled = static_cast<size_t>(std::clamp<int64_t>(done * 30 / total_, 0, 30));
  const std::string bar = std::string(filled, '#') + std::string(30 - filled, '.');
  const std::string line = fmt::format("\r{} [{}] {}/{} {:.1f}/s {}:{:02d} left {}\033[K", what_, bar, done, total_, rate,
                                       left_seconds / 60, left_seconds % 60, note);
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace longclip
