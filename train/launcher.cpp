// train/launcher.cpp -- one loop: a signal, the death of a rank, or news from the other machines.
#include "train/launcher.h"

#ifdef LONGCLIP_WITH_CUDA
#include <c10/cuda/CUDAFunctions.h>
#endif

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <future>
#include <initializer_list>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "train/rank_processes.h"

namespace longclip {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kTick{200};  // between looks at the other machines; a death is seen at once
constexpr std::chrono::minutes kMeeting{10};     // for the launchers of all machines to come
constexpr std::chrono::seconds kSameRequest{2};  // Slurm may send SIGTERM twice: that is no second wish

sigset_t awaited_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGUSR1}) sigaddset(&set, number);
  return set;
}

/// A signal to this launcher, or 0 after `timeout` and when a child died.
int next_signal(std::chrono::milliseconds timeout) {
  const sigset_t set = awaited_signals();
  const timespec time{0, std::chrono::nanoseconds(timeout).count()};
  const int number = sigtimedwait(&set, nullptr, &time);
  return number == SIGTERM || number == SIGINT || number == SIGUSR1 ? number : 0;
}

int stop_code(int signal) { return signal == SIGINT ? kExitInterrupted : kExitTerminated; }

class LaunchRun {
 public:
  LaunchRun(const LaunchPlan& plan, LaunchBoard board) : plan_(plan), board_(std::move(board)) {}

  int run() {
    for (attempt_ = 0;; ++attempt_) {
      const AttemptEnd end = attempt_end();
      const bool failed = !end.what.empty();
      if (!failed || end.stop_asked || end.code == kExitBadInput || attempt_ == board_.max_restarts()) {
        board_.leave();
        if (end.code != 0) log_warning("ends with exit code {}{}{}", end.code, failed ? ": " : "", end.what);
        return end.code;
      }
      log_warning("restart {} of {}, from the last checkpoint: {}", attempt_ + 1, board_.max_restarts(), end.what);
    }
  }

 private:
  AttemptEnd attempt_end();
  AttemptEnd run_attempt();
  void start_ranks();
  void look_after_ranks();
  void pass_on(int signal);
  void note(const RankDeath& death);
  void stop_ranks(const std::string& why);
  void kill_ranks();
  int64_t rank_of(const RankDeath& death) const { return board_.first_rank() + death.local_rank; }

  const LaunchPlan& plan_;
  LaunchBoard board_;
  RankProcesses ranks_;
  int64_t attempt_ = 0;
  AttemptEnd end_;                             ///< of this machine's ranks
  std::optional<Clock::time_point> kill_at_;   ///< set: the ranks were told to stop because of a failure
  std::optional<Clock::time_point> asked_at_;  ///< set: this launcher was told to stop
  int asked_code_ = 0;
  bool killed_ = false;  ///< this launcher has sent SIGKILL
};

void LaunchRun::start_ranks() {
  end_ = {};
  kill_at_.reset();
  killed_ = false;
  const int64_t num_ranks = plan_.node.num_ranks;
  std::map<std::string, std::string> variables{
      {"WORLD_SIZE", std::to_string(board_.world_size())},
      {"LOCAL_WORLD_SIZE", std::to_string(num_ranks)},
      {"GROUP_RANK", std::to_string(plan_.node.node_rank)},
      {"MASTER_ADDR", plan_.node.master_address},
      {"MASTER_PORT", std::to_string(board_.port())},
      {"TORCHELASTIC_USE_AGENT_STORE", "True"},
      {"TORCHELASTIC_RUN_ID", board_.run_id()},
      {"TORCHELASTIC_RESTART_COUNT", std::to_string(attempt_)},
      {"TORCHELASTIC_MAX_RESTARTS", std::to_string(board_.max_restarts())},
  };
  for (int64_t local = 0; local < num_ranks; ++local) {
    variables["RANK"] = std::to_string(board_.first_rank() + local);
    variables["LOCAL_RANK"] = std::to_string(local);
    const pid_t pid = ranks_.start(local, plan_.arguments, variables);
    log_info("attempt {}: rank {} of {} is pid {}", attempt_, board_.first_rank() + local, board_.world_size(), pid);
  }
}

AttemptEnd LaunchRun::attempt_end() {
  try {
    return run_attempt();
  } catch (const DistError& lost) {  // another launcher is gone, and with it the way to agree
    if (!kill_at_) stop_ranks(lost.what());
    while (ranks_.living()) look_after_ranks();
    throw;
  }
}

AttemptEnd LaunchRun::run_attempt() {
  if (asked_at_) {  // too late for the others to hear of it in the attempt before
    end_ = {asked_code_, fmt::format("the launcher of node {} was told to stop", plan_.node.node_rank), true};
    board_.report_failure(attempt_, end_);
  } else {
    start_ranks();
  }
  for (bool reported = false;;) {
    if (ranks_.living() || reported) look_after_ranks();
    if (end_.code != 0 && !end_.what.empty()) board_.report_failure(attempt_, end_);
    const auto failed = board_.failure(attempt_);
    if (failed && !kill_at_) stop_ranks(failed->what);
    if (ranks_.living()) continue;
    if (!reported) board_.report_end(attempt_, end_);
    reported = true;
    if (const auto common = board_.common_end(attempt_)) return *common;
  }
}

void LaunchRun::look_after_ranks() {
  if (const int signal = next_signal(kTick)) pass_on(signal);
  std::vector<RankDeath> deaths = ranks_.reap();
  // Who was lost counts before those who lost it, where both are found at once.
  std::ranges::stable_partition(deaths, [](const RankDeath& death) { return death.code != kExitPeerLost; });
  for (const RankDeath& death : deaths) note(death);
  if (kill_at_ && Clock::now() > *kill_at_) kill_ranks();
}

void LaunchRun::pass_on(int signal) {
  const auto now = Clock::now();
  if (asked_at_ && signal == SIGTERM && now - *asked_at_ < kSameRequest) return;
  end_.stop_asked = true;
  if (asked_at_) {
    log_warning("a second signal: the ranks are killed");
    kill_ranks();
    return;
  }
  log_info("signal {} is passed on to the ranks: they save and stop (the same again kills them)", signal);
  asked_at_ = now;
  asked_code_ = stop_code(signal);
  ranks_.send(signal);
}

void LaunchRun::note(const RankDeath& death) {
  const bool saved = death.signal == 0 && (death.code == kExitTerminated || death.code == kExitInterrupted);
  const bool by_launcher = (death.signal == SIGTERM && (kill_at_ || asked_at_)) || (death.signal == SIGKILL && killed_);
  log_info("attempt {}: rank {} (pid {}) ended: {}", attempt_, rank_of(death), death.pid, death.text());
  if (death.code == 0) return;
  if (saved || by_launcher) {
    if (kill_at_) return;                                    // it was told to, after somebody's failure
    if (!asked_at_ && end_.code == 0) ranks_.send(SIGTERM);  // it was told to by somebody else; the others stop as well
    if (end_.code == 0) end_.code = asked_at_ ? asked_code_ : death.code;
    return;
  }
  const bool first = end_.code == 0;
  if (death.code == kExitPeerLost && !first) return;  // the lost peer's own code counts
  if (!end_.what.empty() && end_.code != kExitPeerLost) return;
  end_.code = death.code;
  end_.what =
      fmt::format("rank {} (node {}, pid {}): {}", rank_of(death), plan_.node.node_rank, death.pid, death.text());
  if (!kill_at_) stop_ranks(end_.what);
}

void LaunchRun::stop_ranks(const std::string& why) {
  kill_at_ = Clock::now() + std::chrono::seconds(plan_.grace_seconds);
  if (!ranks_.living()) return;
  log_warning("{}; the other ranks are stopped", why);
  ranks_.send(SIGTERM);
}

void LaunchRun::kill_ranks() {
  killed_ = true;
  ranks_.send(SIGKILL);
}

}  // namespace

int64_t automatic_num_ranks() {
#ifdef LONGCLIP_WITH_CUDA
  return std::max<int64_t>(1, c10::cuda::device_count());
#else
  return 1;
#endif
}

int launch(const LaunchPlan& plan) {
  const sigset_t set = awaited_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);  // before any thread, so that all inherit it; ranks start without it
  auto meeting = std::async(std::launch::async, [&] { return LaunchBoard::open(plan.node, kMeeting); });
  while (meeting.wait_for(std::chrono::milliseconds(20)) != std::future_status::ready) {
    if (const int signal = next_signal(std::chrono::milliseconds(0))) std::_Exit(stop_code(signal));  // no rank yet
  }
  LaunchRun run(plan, meeting.get());
  return run.run();
}

}  // namespace longclip
