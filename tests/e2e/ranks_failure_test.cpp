// tests/e2e/ranks_failure_test.cpp -- ranks that fail on their own or do not fit together: who says what, and the exit codes.
#include "base/error.h"
#include "ranks.h"
#include "training.h"

#include "support/catch.h"

namespace longclip::test {
namespace fs = std::filesystem;

namespace {

constexpr const char* kPlan = "schedule: {steps: 40, warmup_steps: 5}\ndistributed: {timeout_seconds: 20}\n";

/// The experiment in a folder of its own for each rank; with pictures of its own.
struct TwoMachines {
  TemporaryFolder first, second;

  TwoMachines() {
    for (const fs::path& folder : {first.path(), second.path()}) {
      write_ranks_experiment(folder, {.rows = 24, .more = kPlan});
      const fs::path images = fs::read_symlink(folder / "images");
      fs::remove(folder / "images");
      fs::copy(images, folder / "images");
      read_rows_from(folder, "/proc/self/cwd");
    }
  }
  std::vector<RankEnd> run(const std::string& first_arguments, const std::string& second_arguments) const {
    return Ranks({{first.path(), first_arguments}, {second.path(), second_arguments}}).wait();
  }
};

void check_all_refuse(const std::vector<RankEnd>& ends, const std::string& says) {
  for (const RankEnd& end : ends) {
    CAPTURE(end.err);
    REQUIRE(end.exit_code == 2);
    REQUIRE(end.errors().size() == 1);
    REQUIRE_THAT(end.err, ContainsSubstring(says));
  }
}

/// Rank `culprit` ended with `code` and an error that holds `says`; the other with 3 and the same words.
void check_blames(int64_t culprit, const std::vector<RankEnd>& ends, int code, const std::string& says) {
  CAPTURE(culprit, ends[0].err, ends[1].err);
  const RankEnd &cause = ends[static_cast<size_t>(culprit)], &other = ends[static_cast<size_t>(1 - culprit)];
  REQUIRE(cause.exit_code == code);
  REQUIRE(cause.errors().size() == 1);
  REQUIRE_THAT(cause.errors()[0], ContainsSubstring(says));
  REQUIRE(other.exit_code == 3);
  REQUIRE(other.errors().size() == 1);
  REQUIRE_THAT(other.errors()[0],
               ContainsSubstring(fmt::format("rank {} ended: ", culprit)) && ContainsSubstring(says));
}

}  // namespace

TEST_CASE(
    "ranks: a picture that one rank alone cannot read ends that rank with its own code, and the other with its words",
    "[e2e]") {
  for (const int64_t culprit : {0, 1}) {
    const TwoMachines machines;
    const std::string rehearsal = "--set run.stop_after_steps=3 --set run.dir=rehearsal";
    for (const RankEnd& end : machines.run(rehearsal, rehearsal)) REQUIRE(end.exit_code == 0);
    const Json third =
        json_lines(machines.first / "rehearsal/row_ids.jsonl").at(2).at("rows");  // 12 pairs, rank 1 has the last
    const int64_t row = third.at(culprit == 0 ? 0 : 11).at(1);
    const TemporaryFolder& folder = culprit == 0 ? machines.first : machines.second;
    write_text(folder / json_lines(folder / "rows.jsonl").at(static_cast<size_t>(row)).at("image").get<std::string>(),
               "noise");
    const std::string fail = "--set data.on_bad_sample=fail";
    check_blames(culprit, machines.run(fail, fail), 2, fmt::format("rows.jsonl:{}", row + 1));
  }
}

TEST_CASE(
    "ranks: a data file that one rank alone misses ends that rank with its own code, and the other with its words",
    "[e2e]") {
  for (const int64_t culprit : {0, 1}) {
    const TwoMachines machines;
    fs::remove((culprit == 0 ? machines.first : machines.second) / "rows.jsonl");
    check_blames(culprit, machines.run("", ""), 2, "rows.jsonl");
  }
}

TEST_CASE("ranks: other configs or other data than rank 0's are refused by all, with the number of the rank", "[e2e]") {
  const TwoMachines machines;
  check_all_refuse(machines.run("", "--set optim.lr=2e-3"), "rank 1 was started with another config than rank 0");
  std::string rows = read_text(machines.second / "rows.jsonl");
  rows[rows.find("\"long\"") + 10] ^= 1;
  write_text(machines.second / "rows.jsonl", rows);
  check_all_refuse(machines.run("", ""), "rank 1 reads other data than rank 0");
}

TEST_CASE("ranks: what rank 0 refuses, all refuse with its words", "[e2e]") {
  const TemporaryFolder folder;
  write_ranks_experiment(folder.path(), {.more = kPlan});
  run_ranks(2, folder.path(), "--set run.stop_after_steps=3");
  check_all_refuse(run_ranks(2, folder.path(), "--resume never", 2), "--resume never");
  check_all_refuse(run_ranks(2, folder.path(), "--set optim.lr=2e-3", 2), "optim.lr: 0.001 before, 0.002 now");
  const std::string rows = read_text(folder / "rows.jsonl");
  write_text(folder / "rows.jsonl", rows.substr(rows.find('\n') + 1));
  check_all_refuse(run_ranks(2, folder.path(), "", 2), "30 rows before, 29 now");
}

}  // namespace longclip::test
