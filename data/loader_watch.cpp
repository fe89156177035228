// data/loader_watch.cpp -- see data/loader_watch.h
#include "data/loader_watch.h"

#include "base/error.h"

namespace longclip {
namespace {

constexpr size_t kWindow = 50;            ///< steps that are looked at
constexpr int64_t kFirstSteps = 10;       ///< of a process, not looked at
constexpr double kTolerated = 0.2;        ///< share of the time that may be waiting
constexpr int64_t kStepsOfSilence = 500;  ///< between two warnings

}  // namespace

std::optional<std::string> LoaderWatch::add_step(double wait_seconds, double step_seconds) {
  ++steps_;
  if (steps_ <= kFirstSteps) return {};
  recent_.emplace_back(wait_seconds, step_seconds);
  if (recent_.size() > kWindow) recent_.pop_front();
  if (recent_.size() < kWindow || steps_ < quiet_until_) return {};
  double waited = 0, total = 0;
  for (const auto& [wait, step] : recent_) {
    waited += wait;
    total += step;
  }
  if (total <= 0 || waited <= kTolerated * total) return {};
  quiet_until_ = steps_ + kStepsOfSilence;
  return advice(waited / total);
}

std::string LoaderWatch::advice(double share) const {
  std::string text = fmt::format("{:.0f} % of the last {} steps was waiting for data ({} data.workers a rank, {} cores for each): ", 100 * share,
                                 kWindow, setup_.workers, setup_.cores);
  if (setup_.workers < setup_.cores) text += fmt::format("raise data.workers to {}; ", setup_.cores);
  if (!setup_.crop_cache) text += "set data.crop_cache: on, so that pictures are decoded once; ";
  return text + "store smaller pictures (a short side of twice the model's is enough), or use a faster disk or more cores";
}

}  // namespace longclip
