// tests/e2e/ranks_failure_test.cpp -- ranks that fail on their own or do not fit together: who says what, and the exit codes.
#include "base/error.h"
#include "ranks.h"
#include "training.h"

#include "support/catch.h"

namespace longclip::test {
namespace fs = std::filesystem;

namespace {

constexpr const char* kPlan = "schedule: {steps: 40, warmup_steps: 5}\ndistributed: {timeout_seconds: 20}\n";

/// The experiment in a folder of its own for each rank; the pictures of rank 1 are its own.
struct TwoMachines {
  TemporaryFolder first, second;

  TwoMachines() {
    for (const fs::path& folder : {first.path(), second.path()}) write_ranks_experiment(folder, {.rows = 24, .more = kPlan});
    const fs::path images = fs::read_symlink(second / "images");
    fs::remove(second / "images");
    fs::copy(images, second / "images");
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
    REQUIRE_THAT(end.errors()[0], ContainsSubstring(says));
  }
}

/// Rank 1 ended with `code` and an error that holds `says`; rank 0 with 3 and the same words.
void check_blames_rank_1(const std::vector<RankEnd>& ends, int code, const std::string& says) {
  CAPTURE(ends[0].err, ends[1].err);
  REQUIRE(ends[1].exit_code == code);
  REQUIRE(ends[1].errors().size() == 1);
  REQUIRE_THAT(ends[1].errors()[0], ContainsSubstring(says));
  REQUIRE(ends[0].exit_code == 3);
  REQUIRE(ends[0].errors().size() == 1);
  REQUIRE_THAT(ends[0].errors()[0], ContainsSubstring("rank 1 ended: ") && ContainsSubstring(says));
}

}  // namespace

TEST_CASE("ranks: a picture that only rank 1 cannot read ends rank 1 with its own code, and rank 0 with the words of rank 1", "[e2e]") {
  const TwoMachines machines;
  // The rows of the first step that are rank 1's: known from a run that is well.
  for (const RankEnd& end : machines.run("--set run.stop_after_steps=1 --set run.dir=rehearsal", "--set run.stop_after_steps=1 --set run.dir=rehearsal")) REQUIRE(end.exit_code == 0);
  const Json rows = json_lines(machines.first / "rehearsal/row_ids.jsonl").at(0).at("rows");
  const int64_t row = rows.back().at(1);
  write_text(machines.second / json_lines(machines.second / "rows.jsonl").at(static_cast<size_t>(row)).at("image").get<std::string>(), "noise");
  const std::string fail = "--set data.on_bad_sample=fail";
  check_blames_rank_1(machines.run(fail, fail), 2, fmt::format("rows.jsonl:{}", row + 1));
}

TEST_CASE("ranks: a data file that only rank 1 misses ends rank 1 with its own code, and rank 0 with the words of rank 1", "[e2e]") {
  const TwoMachines machines;
  fs::remove(machines.second / "rows.jsonl");
  check_blames_rank_1(machines.run("", ""), 2, "rows.jsonl");
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
