// tests/e2e/ranks_damage_test.cpp -- ranks that are killed or hang at any moment, and checkpoints that are damaged.
#include <algorithm>
#include <iostream>
#include <random>

#include "base/error.h"
#include "ranks.h"
#include "training.h"

#include "support/catch.h"

namespace longclip::test {
namespace fs = std::filesystem;

namespace {

constexpr int kKills = 25;

/// When the next kill comes, and whom it hits. Drawn from a fixed seed.
struct Moment {
  enum When { kStart, kResumed, kSteps, kWrite } when = kStart;
  int64_t checkpoints = 0;  ///< kSteps, kWrite: so many new ones come before
  int64_t delay_ms = 0;     ///< kStart, kResumed, kSteps: waited in addition
  int64_t victim = -1;      ///< -1: all ranks
};

Moment draw_moment(std::mt19937& random, int64_t ranks) {
  const auto below = [&](int64_t count) { return static_cast<int64_t>(random() % static_cast<uint32_t>(count)); };
  const Moment::When whens[] = {Moment::kStart, Moment::kResumed, Moment::kSteps,
                                Moment::kSteps, Moment::kWrite,   Moment::kWrite};
  Moment moment{.when = whens[below(6)],
                .checkpoints = 1 + below(3),
                .delay_ms = below(40),
                .victim = below(2) == 0 ? -1 : below(ranks)};
  if (moment.when != Moment::kStart) return moment;
  moment.victim = -1;  // before the ranks have met a lost one has no name: the whole job is killed
  moment.delay_ms *= 25;
  return moment;
}

std::string to_text(const Moment& moment) {
  const std::string who = moment.victim < 0 ? "all ranks" : fmt::format("rank {}", moment.victim);
  switch (moment.when) {
    case Moment::kStart: return fmt::format("{} {} ms after the start", who, moment.delay_ms);
    case Moment::kResumed: return fmt::format("{} {} ms after the checkpoint was read", who, moment.delay_ms);
    case Moment::kSteps:
      return fmt::format("{} {} ms after {} new checkpoints", who, moment.delay_ms, moment.checkpoints);
    case Moment::kWrite:
      return fmt::format("{} while a checkpoint is written, after {} new ones", who, moment.checkpoints);
  }
  return who;
}

bool is_writing(const fs::path& run) {
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(run / "checkpoints", absent)) {
    if (entry.path().extension() == ".unfinished") return true;
  }
  return false;
}

std::string latest(const fs::path& run) {
  const fs::path file = run / "checkpoints/latest";
  return fs::exists(file) ? read_text(file) : "";
}

/// Polls until the moment has come. False where the run ended before.
bool wait_for(const Moment& moment, Ranks& ranks, const fs::path& run) {
  const auto after = std::chrono::milliseconds(moment.delay_ms);
  if (moment.when == Moment::kResumed &&
      !ranks.wait_until([&] { return ranks.err(0).find("pairs on each of") != std::string::npos; }))
    return false;
  std::string seen = latest(run);
  int64_t count = 0;
  const auto enough = [&] {
    if (const std::string now = latest(run); now != seen) {
      seen = now;
      ++count;
    }
    return count >= moment.checkpoints;
  };
  if (moment.when == Moment::kSteps && !ranks.wait_until(enough)) return false;
  if (moment.when == Moment::kWrite) return ranks.wait_until([&] { return enough() && is_writing(run); });
  const auto start = std::chrono::steady_clock::now();
  return ranks.wait_until([&] { return std::chrono::steady_clock::now() - start >= after; });
}

/// The others ended by themselves, each with one line that names the lost rank, its own and the step.
void check_survivors(const std::vector<RankEnd>& ends, int64_t victim) {
  for (int64_t rank = 0; rank < static_cast<int64_t>(ends.size()); ++rank) {
    const RankEnd& end = ends[static_cast<size_t>(rank)];
    CAPTURE(rank, victim, end.err);
    if (rank == victim) {
      REQUIRE(end.exit_code == 128 + SIGKILL);
      continue;
    }
    REQUIRE(end.exit_code == 3);
    REQUIRE(end.errors().size() == 1);
    const std::string line = end.errors()[0];
    const bool named = line.find(fmt::format("rank {} is lost", victim)) != std::string::npos;
    REQUIRE((named || (victim == 0 && line.find("the store of rank 0") != std::string::npos)));
    REQUIRE_THAT(line, ContainsSubstring(fmt::format("rank {}", rank)) &&
                           (ContainsSubstring("in step ") || ContainsSubstring("before the first step")));
  }
}

/// Kills `kKills` times, restarts with the same command, and lets the last run end. Prints what happened.
void storm(int64_t num_ranks, uint32_t seed, const fs::path& folder) {
  const fs::path run = folder / "out";
  std::mt19937 random(seed);
  int halves = 0;
  for (int kill = 0; kill < kKills; ++kill) {
    const Moment moment = draw_moment(random, num_ranks);
    CAPTURE(num_ranks, seed, kill, to_text(moment));
    Ranks ranks(num_ranks, folder);
    if (!wait_for(moment, ranks, run)) {
      std::string said;
      for (const RankEnd& end : ranks.wait()) said += end.errors().empty() ? "" : end.errors()[0];
      CAPTURE(said);
      FAIL("the run ended before it was killed");
    }
    moment.victim < 0 ? ranks.send_all(SIGKILL) : ranks.send(moment.victim, SIGKILL);
    const std::vector<RankEnd> ends = ranks.wait();
    halves += is_writing(run);
    double seconds = 0;
    for (const RankEnd& end : ends) seconds = std::max(seconds, end.seconds);
    const std::string newest = latest(run).substr(0, latest(run).find('\n'));
    std::cout << fmt::format("seed {}, kill {}: {}; all ended {:.1f} s later; {}", seed, kill + 1, to_text(moment),
                             seconds, newest)
              << std::endl;
    if (moment.victim >= 0) check_survivors(ends, moment.victim);
  }
  std::cout << fmt::format("{} ranks: {} of {} kills left half a checkpoint behind", num_ranks, halves, kKills)
            << std::endl;
  REQUIRE(halves > 0);
  run_ranks(num_ranks, folder);
}

}  // namespace

TEST_CASE(
    "ranks: a run that is killed 25 times, one rank or all of them, ends with the bits of one that was left alone",
    "[e2e]") {
  constexpr int64_t kSteps = 80;
  for (const auto& [num_ranks, seed, every] : {std::tuple{2, 2025u, 1}, {3, 4711u, 2}}) {
    const Stopwatch stopwatch(fmt::format("kill storm of {} ranks", num_ranks));
    const TemporaryFolder whole, parts;
    for (const fs::path& folder : {whole.path(), parts.path()}) {
      write_ranks_experiment(folder, {.bad_rows = true,
                                      .more = fmt::format("loss: {{pcm: {{scope: global, components: 4}}}}\n"
                                                          "schedule: {{steps: {}, warmup_steps: 5}}\n"
                                                          "checkpoint: {{every_steps: {}}}\n"
                                                          "distributed: {{timeout_seconds: 20}}\n",
                                                          kSteps, every)});
    }
    run_ranks(num_ranks, whole.path());
    REQUIRE(bad_lines(whole / "out") == std::set<int64_t>{6, 12, 18});
    storm(num_ranks, seed, parts.path());
    require_same_run(parts.path(), whole.path(), kSteps);
  }
}

}  // namespace longclip::test
