// dist/rank_watch.cpp -- one thread talks to the store (and may get stuck there), one only looks at clocks.
#include "dist/rank_watch.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace longclip {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr const char* kDone = "done";
constexpr const char* kFarewellsKey = "watch/farewells";
constexpr double kFarewellSeconds = 15;  ///< after another rank said that it failed, for this one to find its own end
constexpr int kSilentSigns = 3;  ///< after a failed collective, a rank that misses so many is the lost one

std::string sign_key(int64_t rank) { return fmt::format("watch/sign_{}", rank); }
std::string farewell_key(int64_t rank) { return fmt::format("watch/farewell_{}", rank); }
constexpr const char* kLostKey = "watch/lost";

/// What a rank tells of itself.
struct Sign {
  int64_t count = -1;       ///< goes up with every sign
  int64_t step = 0;         ///< that it works on, from 1; 0: none yet
  int64_t collectives = 0;  ///< entered so far: the rank with the fewest is the one that the others wait for
  std::string collective;   ///< that it is inside of, or ""

  std::string place() const {
    const std::string where = step == 0 ? "before the first step" : fmt::format("in step {}", step);
    return collective.empty() ? where : fmt::format("{}, {}", where, collective);
  }
};

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::string to_text(const Sign& sign) { return Json{sign.count, sign.step, sign.collectives, sign.collective}.dump(); }

Sign parse_sign(const std::string& text) {
  const Json json = Json::parse(text);
  return {json[0], json[1], json[2], json[3]};
}

}  // namespace

struct RankWatch::State {
  State(c10::intrusive_ptr<c10d::Store> s, WatchOptions o)
      : store(std::move(s)), options(std::move(o)), interval(std::clamp<Seconds>(options.timeout / 30.0, Seconds(0.02), Seconds(2))) {}

  /// Another rank as this one sees it. Only the thread of signs touches these.
  struct Peer {
    Sign sign;
    double changed_seconds = 0;             ///< awake_seconds when its newest sign was seen
    std::optional<std::string> farewell;    ///< kDone, or why it ended
    double silent_seconds(double now) const { return now - changed_seconds; }
  };

  const c10::intrusive_ptr<c10d::Store> store;
  const WatchOptions options;
  const Seconds interval;
  /// Runs only while this process does, so that a job that was suspended as a whole goes on.
  std::atomic<double> awake_seconds{0};

  std::mutex mutex;  // of all below
  std::condition_variable changed;
  Sign own{.count = 0, .step = 0, .collectives = 0, .collective = ""};
  double answered_seconds = 0;  ///< awake_seconds when the store last answered
  std::string store_error;
  std::optional<std::string> lost;  ///< "rank 2 is lost (...)": known to this rank
  bool explaining = false;          ///< the main thread ends the process itself
  bool ending = false;              ///< judge() ends the process
  std::optional<std::string> farewell, said_farewell;
  bool counting = false;     ///< wait_for_farewells() wants num_farewells
  int64_t num_farewells = 0;
  bool stop = false;

  std::vector<Peer> peers;  // [rank]

  double limit_seconds() const { return Seconds(options.timeout).count() / 2; }
  double limit_seconds(const Peer& peer) const { return peer.farewell ? std::min(limit_seconds(), kFarewellSeconds) : limit_seconds(); }
  Seconds time_to_read() const { return options.serves_store ? kSilentSigns * interval : Seconds(0); }
  int64_t next_rank() const { return (options.rank + 1) % options.world_size; }
  std::optional<std::string> read(const std::string& key) const {
    if (!store->check({key})) return std::nullopt;
    const std::vector<uint8_t> bytes = store->get(key);
    return std::string(bytes.begin(), bytes.end());
  }
  void write(const std::string& key, const std::string& text) const { store->set(key, std::vector<uint8_t>(text.begin(), text.end())); }

  void send_own();
  void look_at(int64_t rank);
  std::optional<std::string> judge_next() const;
  std::optional<std::string> find_culprit(const Sign& me, double since_seconds) const;
  void publish(const std::string& text);
  void round(std::optional<double>& explaining_since);
};

void RankWatch::State::send_own() {
  std::unique_lock lock(mutex);
  own.count += 1;
  const std::string sign = to_text(own);
  const std::optional<std::string> leaving = said_farewell ? std::nullopt : farewell;
  lock.unlock();
  write(sign_key(options.rank), sign);
  if (!leaving) return;
  write(farewell_key(options.rank), *leaving);
  store->add(kFarewellsKey, 1);
  lock.lock();
  said_farewell = leaving;
}

void RankWatch::State::look_at(int64_t rank) {
  Peer& peer = peers[static_cast<size_t>(rank)];
  if (const auto text = read(sign_key(rank))) {
    Sign sign = parse_sign(*text);
    if (sign.count != peer.sign.count) peer.changed_seconds = awake_seconds;
    peer.sign = std::move(sign);
  }
  if (!peer.farewell) peer.farewell = read(farewell_key(rank));
}

/// Of the rank that this one watches while all is well.
std::optional<std::string> RankWatch::State::judge_next() const {
  const int64_t rank = next_rank();
  if (rank == options.rank) return std::nullopt;  // a world of one
  const Peer& peer = peers[static_cast<size_t>(rank)];
  const double silent = peer.silent_seconds(awake_seconds);
  if (peer.farewell == kDone || silent < limit_seconds(peer)) return std::nullopt;
  if (peer.farewell) return fmt::format("rank {} ended: {}", rank, *peer.farewell);
  return fmt::format("rank {} is lost (no sign of life for {:.1f} s; last seen {})", rank, silent, peer.sign.place());
}

/// After a failed collective: who is the cause, as far as it is known `since_seconds` after the question.
std::optional<std::string> RankWatch::State::find_culprit(const Sign& me, double since_seconds) const {
  const double patience = kSilentSigns * interval.count();
  int64_t behind = -1, quiet = -1;
  const auto peer = [&](int64_t rank) -> const Peer& { return peers[static_cast<size_t>(rank)]; };
  for (int64_t rank = 0; rank < options.world_size; ++rank) {
    if (rank == options.rank) continue;
    if (peer(rank).farewell && *peer(rank).farewell != kDone) return fmt::format("rank {} ended: {}", rank, *peer(rank).farewell);
    if (behind < 0 || peer(rank).sign.collectives < peer(behind).sign.collectives) behind = rank;
    if (quiet < 0 || peer(rank).changed_seconds < peer(quiet).changed_seconds) quiet = rank;
  }
  if (quiet < 0) return "there is no other rank";
  if (since_seconds < patience) return std::nullopt;
  if (peer(quiet).farewell) return fmt::format("rank {} has left the run as if it were done", quiet);
  const double silent = peer(quiet).silent_seconds(awake_seconds);
  if (silent >= patience) return fmt::format("rank {} is lost (no sign of life for {:.1f} s; last seen {})", quiet, silent, peer(quiet).sign.place());
  if (peer(behind).sign.collectives >= me.collectives) return "no rank is silent, so the connection between two of them was lost";
  return fmt::format("rank {} is lost (it answers, but does not arrive: it is {})", behind, peer(behind).sign.place());
}

/// The first rank that finds a cause decides for all.
void RankWatch::State::publish(const std::string& text) {
  const std::vector<uint8_t> decided = store->compareSet(kLostKey, {}, std::vector<uint8_t>(text.begin(), text.end()));
  const std::lock_guard lock(mutex);
  lost = std::string(decided.begin(), decided.end());
}

/// One exchange with the store.
void RankWatch::State::round(std::optional<double>& explaining_since) {
  send_own();
  std::unique_lock lock(mutex);
  const bool ask = explaining, count = counting;
  const Sign me = own;
  lock.unlock();
  const int64_t farewells = count ? store->add(kFarewellsKey, 0) : 0;
  const auto published = read(kLostKey);
  lock.lock();
  num_farewells = farewells;
  lost = published;
  lock.unlock();
  if (published) return;
  if (ask && !explaining_since) explaining_since = awake_seconds.load();
  for (int64_t rank = 0; rank < options.world_size; ++rank) {
    if (rank != options.rank && (ask || rank == next_rank())) look_at(rank);
  }
  const auto culprit = ask ? find_culprit(me, awake_seconds - *explaining_since) : judge_next();
  if (culprit) publish(*culprit);
}

RankWatch::RankWatch(c10::intrusive_ptr<c10d::Store> store, WatchOptions options)
    : state_(std::make_shared<State>(std::move(store), std::move(options))) {
  state_->peers.resize(static_cast<size_t>(state_->options.world_size));
  signs_ = std::thread([state = state_] { leave_signs(*state); });
  judge_ = std::thread([state = state_] { judge(*state); });
}

RankWatch::~RankWatch() {
  say_farewell(kDone);
  std::unique_lock lock(state_->mutex);
  const auto sent = [&] { return state_->said_farewell.has_value() || !state_->store_error.empty() || state_->lost.has_value(); };
  const bool answered = state_->changed.wait_for(lock, 2 * state_->interval + Seconds(1), sent);
  state_->counting = true;
  state_->changed.notify_all();
  const auto heard = [&] { return state_->num_farewells >= state_->options.world_size - (state_->lost ? 1 : 0); };
  if (state_->lost || state_->farewell != kDone) state_->changed.wait_for(lock, state_->time_to_read(), heard);
  state_->stop = true;
  lock.unlock();
  state_->changed.notify_all();
  judge_.join();
  answered ? signs_.join() : signs_.detach();  // stuck in a connection that nobody answers; it holds its state itself
}

void RankWatch::leave_signs(State& state) {
  std::optional<double> explaining_since;
  while (true) {
    std::string error;
    try {
      state.round(explaining_since);
    } catch (const std::exception& failure) {  // the store is gone
      error = first_line(failure.what());        // without c10's stack trace
    }
    std::unique_lock lock(state.mutex);
    state.store_error = error;
    if (error.empty()) state.answered_seconds = state.awake_seconds;
    state.changed.notify_all();
    const Seconds pause = state.counting ? Seconds(0.02) : state.interval;
    const auto due = Clock::now() + std::chrono::duration_cast<Clock::duration>(pause);
    const auto hurry = [&, counted = state.counting] {
      return state.stop || state.counting != counted || (state.farewell && !state.said_farewell && error.empty());
    };
    state.changed.wait_until(lock, due, hurry);
    if (state.stop) return;
  }
}

void RankWatch::judge(State& state) {
  const Seconds period = state.interval / 2;
  auto before = Clock::now();
  double known_seconds = 0;  ///< awake_seconds when there was no cause yet
  std::unique_lock lock(state.mutex);
  while (!state.stop) {
    state.changed.wait_for(lock, period, [&] { return state.stop; });
    const auto now = Clock::now();
    state.awake_seconds = state.awake_seconds + std::min(Seconds(now - before), 4 * period).count();
    before = now;
    const double unanswered = state.awake_seconds - state.answered_seconds;
    if (state.stop || state.explaining || state.farewell) continue;
    const bool known = state.lost || unanswered >= state.limit_seconds();
    if (!known) known_seconds = state.awake_seconds;
    const bool works = state.own.collective.empty();  // on a checkpoint, perhaps: its next collective ends it, or the limit
    if (!known || (works && state.awake_seconds - known_seconds < state.limit_seconds())) continue;
    const std::string cause = state.lost.value_or(fmt::format("{} has not answered for {:.1f} s", state.options.store_name, unanswered));
    const bool myself = cause.starts_with(fmt::format("rank {} ", state.options.rank));
    const std::string line =
        fmt::format("rank {} gives up {}: {}{}", state.options.rank, state.own.place(), myself ? "the others did not wait for it: " : "", cause);
    state.ending = true;
    if (state.changed.wait_for(lock, state.time_to_read(), [&] { return state.stop; })) return;
    lock.unlock();
    state.options.end_process(line);
    return;
  }
}

void RankWatch::at_step(int64_t step) {
  const std::lock_guard lock(state_->mutex);
  state_->own.step = step;
}

RankWatch::Inside::Inside(RankWatch& watch, const char* collective) : watch_(watch) {
  const std::lock_guard lock(watch_.state_->mutex);
  watch_.state_->own.collectives += 1;
  outer_ = std::exchange(watch_.state_->own.collective, collective);
}

RankWatch::Inside::~Inside() {
  const std::lock_guard lock(watch_.state_->mutex);
  watch_.state_->own.collective = outer_;
}

std::string RankWatch::explain(const std::string& reason) {
  std::unique_lock lock(state_->mutex);
  state_->changed.wait(lock, [&] { return !state_->ending; });  // for ever where the end has begun: it has its own line
  const std::string place = Sign{.step = state_->own.step, .collective = ""}.place();  // the caller names the collective
  state_->explaining = true;
  const Seconds patience = (kSilentSigns + 3) * state_->interval + Seconds(1);
  state_->changed.wait_for(lock, patience, [&] { return state_->lost || !state_->store_error.empty(); });
  const std::string cause = state_->lost.value_or(fmt::format("{} does not answer{}", state_->options.store_name,
                                                             state_->store_error.empty() ? "" : " (" + state_->store_error + ")"));
  return fmt::format("{}: {}: {}", place, cause, first_line(reason));
}

void RankWatch::say_farewell(const std::string& reason) {
  {
    const std::lock_guard lock(state_->mutex);
    if (!state_->farewell) state_->farewell = reason.empty() ? "an error" : reason;
  }
  state_->changed.notify_all();
}

void RankWatch::wait_for_farewells() {
  say_farewell(kDone);
  std::unique_lock lock(state_->mutex);
  state_->counting = true;
  state_->changed.notify_all();
  state_->changed.wait_for(lock, Seconds(state_->limit_seconds()),
                           [&] { return state_->num_farewells >= state_->options.world_size || !state_->store_error.empty() || state_->lost; });
}

}  // namespace longclip
