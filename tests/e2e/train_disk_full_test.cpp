// tests/e2e/train_disk_full_test.cpp -- a disk that is full for a while, or until the end. Needs root for a small disk.
#include <unistd.h>

#include "training.h"

#include "support/catch.h"

namespace longclip::test {
namespace fs = std::filesystem;

namespace {

constexpr const char* kSteps = "schedule: {steps: 200, warmup_steps: 2}\nprecision: {compute: fp32}\n";
constexpr const char* kSaving = "checkpoint: {every_steps: 2, keep_last: 2, retry_seconds: 0}\n";

/// A tmpfs of 120 MiB at `folder`: six checkpoints of the fast model.
class SmallDisk {
 public:
  explicit SmallDisk(fs::path folder) : folder_(std::move(folder)) {
    fs::create_directories(folder_);
    mounted_ = ::geteuid() == 0 && run_command("mount -t tmpfs -o size=120m none " + folder_.string()).exit_code == 0;
    if (!mounted_) say_skipped("a full disk", "root, to mount a tmpfs");
  }
  ~SmallDisk() {
    if (mounted_) run_command("umount -l " + folder_.string());
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool mounted() const { return mounted_; }

 private:
  fs::path folder_;
  bool mounted_ = false;
};

/// The variables of a launcher for rank 0 of two, as they stand before a command.
std::string rank_zero_of_two(int64_t port) {
  return "RANK=0 WORLD_SIZE=2 LOCAL_RANK=0 LOCAL_WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=" + std::to_string(port) + " ";
}

/// Trains with one thread; the run stands still while the disk is filled after 5 steps, and again while `then` is done, once
/// the log holds `sign` (or the run has ended).
CommandResult train_on_full_disk(const fs::path& folder, const std::string& arguments, const std::string& sign, const std::string& then,
                                 const std::string& variables = "") {
  const std::string give_up = "tries=$((tries + 1)); [ $tries -ge 6000 ] && break; ";
  return run_command(variables + "OMP_NUM_THREADS=1 " + program().string() + " train run.yaml " + arguments +
                         " 2>err.txt & pid=$!; tries=0; "
                         "until [ \"$(cat out/metrics.jsonl 2>/dev/null | wc -l)\" -ge 5 ]; do " + give_up + "sleep 0.01; done; "
                         "kill -STOP $pid; cat /dev/zero >out/checkpoints/filler 2>/dev/null; kill -CONT $pid; "
                         "until grep -q '" + sign + "' err.txt || ! kill -0 $pid 2>/dev/null; do " + give_up + "sleep 0.01; done; " +
                         then + "; wait $pid; code=$?; cat err.txt >&2; exit $code",
                     folder);
}

constexpr const char* kGiveBack = "kill -STOP $pid; rm out/checkpoints/filler; kill -CONT $pid";

int64_t count(const std::string& text, const std::string& part) {
  int64_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("train: a disk that is full for a while costs nothing", "[e2e]") {
  const TemporaryFolder whole, folder;
  const SmallDisk disk(folder / "out");
  if (!disk.mounted()) return;
  write_fast_experiment(whole.path(), std::string(kSteps) + kSaving);
  write_fast_experiment(folder.path(), std::string(kSteps) + kSaving);
  REQUIRE(run_command("OMP_NUM_THREADS=1 " + program().string() + " train run.yaml", whole.path()).exit_code == 0);
  const CommandResult result = train_on_full_disk(folder.path(), "", "could not be written", kGiveBack);
  CAPTURE(result.err);
  REQUIRE(result.exit_code == 0);
  REQUIRE_THAT(result.err, ContainsSubstring("No space left on device") && ContainsSubstring("is intact") && ContainsSubstring("tried again"));
  REQUIRE(values_of(folder / "out/metrics.jsonl", "step") == steps_to(200));
  REQUIRE(values_of(folder / "out/metrics.jsonl", "loss") == values_of(whole / "out/metrics.jsonl", "loss"));
  REQUIRE(newest_weights(folder / "out") == newest_weights(whole / "out"));
  REQUIRE(read_text(folder / "out/checkpoints/latest") == "step_00000200\n");
  const int64_t held = count(result.err, "lines are held back");  // a page of the file may have had room for all of them
  REQUIRE(count(result.err, "takes lines again") == held);
}

TEST_CASE("train: a full disk ends a run under fail, and its checkpoint stands", "[e2e]") {
  const TemporaryFolder folder;
  const SmallDisk disk(folder / "out");
  if (!disk.mounted()) return;
  write_fast_experiment(folder.path(), std::string(kSteps) + kSaving);
  const CommandResult result = train_on_full_disk(folder.path(), "--set checkpoint.on_error=fail", "ends by itself", "true");
  CAPTURE(result.err);
  REQUIRE(result.exit_code == 1);
  REQUIRE_THAT(result.err, ContainsSubstring("No space left on device") && ContainsSubstring(folder / "out"));
  fs::remove(folder / "out/checkpoints/filler");
  const CommandResult resumed = run_command("OMP_NUM_THREADS=1 " + program().string() + " train run.yaml", folder.path());
  CAPTURE(resumed.err);
  REQUIRE(resumed.exit_code == 0);
  REQUIRE_THAT(resumed.err, ContainsSubstring("resuming after step") && !ContainsSubstring("refused"));
  REQUIRE(values_of(folder / "out/metrics.jsonl", "step") == steps_to(200));
}

TEST_CASE("train: a full disk of rank 0 ends all ranks under fail, each with exit code 1", "[e2e]") {
  const TemporaryFolder folder;
  const SmallDisk disk(folder / "out");
  if (!disk.mounted()) return;
  write_fast_experiment(folder.path(), std::string(kSteps) + kSaving);
  const std::string zero = rank_zero_of_two(free_port()), one = "RANK=1 LOCAL_RANK=1 ";
  const std::string command = "OMP_NUM_THREADS=1 " + program().string() + " train run.yaml --set checkpoint.on_error=fail 2>one.txt; echo $? >code.txt";
  const CommandResult result =
      train_on_full_disk(folder.path(), "--set checkpoint.on_error=fail", "ends by itself", "wait $other",
                         "export " + zero + "; (" + one + command + ") & other=$!; ");
  CAPTURE(result.err, read_text(folder / "one.txt"));
  REQUIRE(result.exit_code == 1);
  REQUIRE_THAT(result.err, ContainsSubstring("No space left on device"));
  REQUIRE(read_text(folder / "code.txt") == "1\n");
  REQUIRE_THAT(read_text(folder / "one.txt"), ContainsSubstring("rank 0 could not write a file of the run"));
}

TEST_CASE("train: a run that ends on a full disk fails after some tries, and goes on when there is room", "[e2e]") {
  const TemporaryFolder folder;
  const SmallDisk disk(folder / "out");
  if (!disk.mounted()) return;
  write_fast_experiment(folder.path(), std::string(kSteps) + kSaving);
  const CommandResult result = train_on_full_disk(folder.path(), "--set schedule.steps=20", "ends by itself", "true");
  CAPTURE(result.err);
  REQUIRE(result.exit_code == 1);
  REQUIRE_THAT(result.err, ContainsSubstring("the run ends here, so this is tried 4 more times") && ContainsSubstring("tried 1 more times"));
  const CommandResult still_full = run_command(program().string() + " train run.yaml", folder.path());
  CAPTURE(still_full.err);
  REQUIRE(still_full.exit_code == 1);
  REQUIRE_THAT(still_full.err, ContainsSubstring("No space left on device"));
  fs::remove(folder / "out/checkpoints/filler");
  const CommandResult resumed = run_command("OMP_NUM_THREADS=1 " + program().string() + " train run.yaml", folder.path());
  CAPTURE(resumed.err);
  REQUIRE(resumed.exit_code == 0);
  REQUIRE(values_of(folder / "out/metrics.jsonl", "step") == steps_to(200));
}

}  // namespace longclip::test
