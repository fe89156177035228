// tests/e2e/ranks_hang_test.cpp -- ranks that hang, and networks that are cut: the others end in time and say who is lost.
#include <unistd.h>

#include <iostream>
#include <thread>

#include "base/error.h"
#include "ranks.h"
#include "training.h"

#include "support/catch.h"

namespace longclip::test {
namespace fs = std::filesystem;

namespace {

constexpr double kTimeoutSeconds = 6;
constexpr const char* kEndless =
    "schedule: {steps: 100000, warmup_steps: 5}\ncheckpoint: {every_steps: 1000}\ndistributed: {timeout_seconds: 6}\n";
constexpr double kLoadedMachine =
    2;  ///< the bound of a time, over what is promised: other work may hold the processors

/// Exit code 3 in time, with one line that holds all of `says` and a collective.
void check_gave_up(const RankEnd& end, const std::vector<std::string>& says) {
  CAPTURE(end.err, end.seconds);
  REQUIRE(end.exit_code == 3);
  REQUIRE(end.errors().size() == 1);
  const std::string line = end.errors()[0];
  for (const std::string& text : says) REQUIRE_THAT(line, ContainsSubstring(text));
  REQUIRE_THAT(line, ContainsSubstring("all-gather") || ContainsSubstring("reduce-scatter") ||
                         ContainsSubstring("averaging gradients"));
  REQUIRE_THAT(line, ContainsSubstring("in step "));
  REQUIRE(end.seconds <= kLoadedMachine * kTimeoutSeconds);
}

/// Two network namespaces joined by a cable (veth). Names of this process alone, removed at the end.
class TwoNetworks {
 public:
  TwoNetworks() {
    made_ = run(fmt::format(
        "ip netns add {0}a && ip netns add {0}b && ip link add {0}x netns {0}a type veth peer name {0}y netns {0}b && "
        "ip -n {0}a addr add {1}1/24 dev {0}x && ip -n {0}b addr add {1}2/24 dev {0}y && "
        "ip -n {0}a link set {0}x up && ip -n {0}b link set {0}y up && ip -n {0}a link set lo up && ip -n {0}b link "
        "set lo up",
        name_, kNetwork));
  }
  ~TwoNetworks() { run(fmt::format("ip netns del {0}a; ip netns del {0}b", name_)); }
  TwoNetworks(const TwoNetworks&) = delete;
  TwoNetworks& operator=(const TwoNetworks&) = delete;

  bool made() const { return made_; }
  std::string network(char end) const { return name_ + end; }
  std::string first_address() const { return kNetwork + std::string("1"); }
  void cut() const { REQUIRE(run(fmt::format("ip -n {0}b link set {0}y down", name_))); }

 private:
  static constexpr const char* kNetwork = "10.213.77.";
  static bool run(const std::string& command) { return run_command(command).exit_code == 0; }
  std::string name_ = fmt::format("lc{}", getpid());
  bool made_ = false;
};

}  // namespace

TEST_CASE("ranks: a rank that hangs ends the others in time, and itself once it goes on", "[e2e]") {
  for (const int64_t victim : {0, 1, 2}) {
    const Stopwatch stopwatch(fmt::format("rank {} hangs", victim));
    const TemporaryFolder folder;
    write_ranks_experiment(folder.path(), {.more = kEndless});
    Ranks ranks(3, folder.path());
    REQUIRE(ranks.wait_until([&] { return count_lines(folder / "out/metrics.jsonl") >= 3; }));
    ranks.send(victim, SIGSTOP);
    for (const int64_t rank : {0, 1, 2}) {
      if (rank == victim) continue;
      CAPTURE(victim, rank);
      const RankEnd end = ranks.wait_for(rank);
      std::cout << fmt::format("{:.1f} s after rank {} hung: {}", end.seconds, victim,
                               end.errors().empty() ? end.err : end.errors()[0])
                << std::endl;
      check_gave_up(end, {fmt::format("rank {} ", rank),
                          victim == 0 ? "the store of rank 0 at 127.0.0.1:" : fmt::format("rank {} is lost", victim)});
    }
    ranks.send(victim, SIGCONT);
    const RankEnd end = ranks.wait_for(victim);
    CAPTURE(victim, end.err);
    REQUIRE(end.exit_code == 3);
    REQUIRE(end.errors().size() == 1);
  }
}

TEST_CASE(
    "ranks: a job suspended as a whole for longer than the timeout goes on or ends with 3 everywhere, and loses "
    "nothing",
    "[e2e]") {
  constexpr int64_t kSteps = 150;
  const std::string plan = fmt::format(
      "schedule: {{steps: {}, warmup_steps: 5}}\ncheckpoint: {{every_steps: 50}}\ndistributed: {{timeout_seconds: "
      "6}}\n",
      kSteps);
  const TemporaryFolder whole, parts;
  for (const fs::path& folder : {whole.path(), parts.path()}) write_ranks_experiment(folder, {.more = plan});
  run_ranks(2, whole.path());
  Ranks ranks(2, parts.path());
  REQUIRE(ranks.wait_until([&] { return count_lines(parts / "out/metrics.jsonl") >= 3; }));
  ranks.send_all(SIGSTOP);
  std::this_thread::sleep_for(
      std::chrono::duration<double>(1.5 * kTimeoutSeconds));  // the length of the suspension is the test
  ranks.send_all(SIGCONT);
  const std::vector<RankEnd> ends = ranks.wait();
  CAPTURE(ends[0].err, ends[1].err);
  std::cout << "a suspended job ends with " << ends[0].exit_code
            << std::endl;  // 3 where a rank was waiting inside Gloo, which counts the time
  REQUIRE((ends[0].exit_code == 0 || ends[0].exit_code == 3));
  REQUIRE(ends[1].exit_code == ends[0].exit_code);
  if (ends[0].exit_code == 3) run_ranks(2, parts.path());
  require_same_run(parts.path(), whole.path(), kSteps);
}

TEST_CASE("ranks: a cut cable ends the ranks at both ends in time, each with what it lost", "[e2e]") {
  const TwoNetworks networks;
  if (!networks.made()) return say_skipped("the cut cable", "the right to make network namespaces (root, iproute2)");
  const TemporaryFolder folder;
  write_ranks_experiment(folder.path(), {.more = kEndless});
  Ranks ranks({{folder.path(), "", networks.network('a')}, {folder.path(), "", networks.network('b')}},
              networks.first_address());
  const bool trains = ranks.wait_until([&] { return count_lines(folder / "out/metrics.jsonl") >= 3; });
  CAPTURE(ranks.err(0), ranks.err(1));
  REQUIRE(trains);
  networks.cut();
  ranks.send_all(0);  // the clock starts
  const std::vector<RankEnd> ends = ranks.wait();
  for (const RankEnd& end : ends)
    std::cout << fmt::format("{:.1f} s after the cut: {}", end.seconds,
                             end.err.substr(end.err.rfind('\n', end.err.size() - 2) + 1))
              << std::flush;
  check_gave_up(ends[0], {"rank 0 ", "rank 1 is lost (no sign of life for"});
  check_gave_up(ends[1], {"rank 1 ", "the store of rank 0 at 10.213.77.1:"});
}

}  // namespace longclip::test
