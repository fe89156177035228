// tests/e2e/ranks.cpp -- see ranks.h
#include "ranks.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "base/error.h"
#include "base/progress.h"
#include "data/scenes/scene_set.h"
#include "training.h"

#include "support/catch.h"

namespace longclip::test {
namespace fs = std::filesystem;

namespace {

constexpr double kPatienceSeconds = 180;
constexpr int64_t kMostScenes = 192;

int exit_code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

/// The shell becomes the rank, so that its process id is the rank's.
pid_t start_shell(const std::string& command_line) {
  const pid_t process = fork();
  if (process < 0) throw std::runtime_error("fork failed");
  if (process > 0) return process;
  execl("/bin/sh", "sh", "-c", command_line.c_str(), static_cast<char*>(nullptr));
  _exit(127);
}

/// Drawn once for all tests.
const fs::path& scenes() {
  static const TemporaryFolder folder;
  static const fs::path set = folder / "scenes";
  if (!fs::exists(set)) write_scene_set(set, {.seed = 3, .first_index = 0, .count = kMostScenes, .side = 32});
  return set;
}

/// Rows in place of good ones: a line that is no JSON, a picture that is missing, one that is no picture.
void spoil(std::vector<std::string>& rows, const fs::path& folder) {
  write_text(folder / "noise.png", "no picture");
  rows.at(5) = R"({"image": "images/)";
  rows.at(11) =
      R"({"image": "images/missing.png", "long": "One that is missing. It is not there.", "short": "missing"})";
  rows.at(17) = R"({"image": "noise.png", "long": "One that is noise. It is no picture.", "short": "noise"})";
}

}  // namespace

std::vector<std::string> RankEnd::errors() const {
  std::vector<std::string> lines;
  std::istringstream text(err);
  for (std::string line; std::getline(text, line);) {
    if (line.find(" error ") != std::string::npos) lines.push_back(line);
  }
  return lines;
}

Ranks::Ranks(std::vector<RankPlace> places, const std::string& master) { start(places, master); }

Ranks::Ranks(int64_t world_size, const fs::path& folder, const std::string& arguments) {
  start(std::vector<RankPlace>(static_cast<size_t>(world_size), {folder, arguments}), "127.0.0.1");
}

void Ranks::start(const std::vector<RankPlace>& places, const std::string& master) {
  const std::string port = std::to_string(free_port()), count = std::to_string(places.size());
  for (size_t i = 0; i < places.size(); ++i) {
    const std::string rank = std::to_string(i);
    std::string line = "cd '" + places[i].folder.string() + "' && export OMP_NUM_THREADS=1 RANK=" + rank +
                       " WORLD_SIZE=" + count + " LOCAL_RANK=" + rank + " LOCAL_WORLD_SIZE=" + count +
                       " MASTER_ADDR=" + master + " MASTER_PORT=" + port + " && exec ";
    if (!places[i].network.empty()) line += "ip netns exec " + places[i].network + " ";
    line += program().string() + " train run.yaml " + places[i].arguments;
    const std::string stream = (streams_ / rank).string();
    ranks_.push_back({.process = start_shell(line + " >'" + stream + ".out' 2>'" + stream + ".err' </dev/null"),
                      .ended = false,
                      .end = {}});
  }
  signalled_seconds_ = monotonic_seconds();
}

Ranks::~Ranks() {
  for (Rank& rank : ranks_) {
    if (rank.ended) continue;
    kill(rank.process, SIGKILL);
    waitpid(rank.process, nullptr, 0);
  }
}

void Ranks::send(int64_t rank, int signal) {
  if (!ended(rank)) kill(ranks_.at(static_cast<size_t>(rank)).process, signal);
  signalled_seconds_ = monotonic_seconds();
}

void Ranks::send_all(int signal) {
  for (int64_t rank = 0; rank < size(); ++rank) send(rank, signal);
}

std::string Ranks::err(int64_t rank) const {
  const fs::path file = streams_ / (std::to_string(rank) + ".err");
  return fs::exists(file) ? read_text(file) : "";
}

bool Ranks::ended(int64_t number) {
  Rank& rank = ranks_.at(static_cast<size_t>(number));
  int status = 0;
  if (rank.ended || waitpid(rank.process, &status, WNOHANG) != rank.process) return rank.ended;
  rank.ended = true;
  rank.end = {
      .exit_code = exit_code_of(status), .seconds = monotonic_seconds() - signalled_seconds_, .err = err(number)};
  return true;
}

bool Ranks::wait_until(const std::function<bool()>& condition) {
  const double started = monotonic_seconds();
  while (!condition()) {
    for (int64_t rank = 0; rank < size(); ++rank) {
      if (ended(rank)) return condition();
    }
    if (monotonic_seconds() - started > kPatienceSeconds) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

RankEnd Ranks::wait_for(int64_t rank) {
  const double started = monotonic_seconds();
  while (!ended(rank)) {
    if (monotonic_seconds() - started > kPatienceSeconds)
      throw std::runtime_error(fmt::format("rank {} does not end: {}", rank, err(rank)));
    for (int64_t other = 0; other < size(); ++other) ended(other);  // notes when
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return ranks_[static_cast<size_t>(rank)].end;
}

std::vector<RankEnd> Ranks::wait() {
  std::vector<RankEnd> ends;
  for (int64_t rank = 0; rank < size(); ++rank) ends.push_back(wait_for(rank));
  return ends;
}

std::vector<RankEnd> run_ranks(int64_t world_size, const fs::path& folder, const std::string& arguments,
                               int exit_code) {
  const std::vector<RankEnd> ends = Ranks(world_size, folder, arguments).wait();
  for (const RankEnd& end : ends) {
    CAPTURE(world_size, arguments, end.err);
    REQUIRE(end.exit_code == exit_code);
  }
  return ends;
}

void write_ranks_experiment(const fs::path& folder, const RanksExperiment& experiment) {
  std::vector<std::string> rows;
  for (const Json& row : json_lines(scenes() / "triples.jsonl")) rows.push_back(to_json_line(row));
  rows.resize(static_cast<size_t>(experiment.rows));
  if (experiment.bad_rows) spoil(rows, folder);
  std::string text;
  for (const std::string& row : rows) text += row + "\n";
  write_text(folder / "rows.jsonl", text);
  fs::create_directory_symlink(scenes() / "images", folder / "images");
  write_text(folder / "run.yaml",
             "run: {name: ranks, dir: out, device: cpu}\n"
             "model: {init: " +
                 narrow_model(experiment.model_width) +
                 "}\n"
                 "data: {train: [{format: triples, path: rows.jsonl}], pairs_per_step: " +
                 std::to_string(experiment.pairs_per_step) +
                 ", workers: 1, max_bad_fraction: 0.5}\n"
                 "optim: {lr: 1.0e-3}\nprecision: {compute: fp32}\nlog: {row_ids: true, tensorboard: false}\n" +
                 experiment.more);
}

void read_rows_from(const fs::path& folder, const std::string& rows_folder) {
  const std::string own = "path: rows.jsonl";
  std::string text = read_text(folder / "run.yaml");
  write_text(folder / "run.yaml",
             text.replace(text.find(own), own.size(), "path: " + rows_folder + "/rows.jsonl, images: " + rows_folder));
}

int64_t count_lines(const fs::path& file) {
  if (!fs::exists(file)) return 0;
  const std::string text = read_text(file);
  return std::count(text.begin(), text.end(), '\n');
}

std::string bad_samples(const fs::path& folder) {
  const fs::path file = folder / "out/bad_samples.jsonl";
  std::string text = fs::exists(file) ? read_text(file) : "none";
  for (size_t at; (at = text.find(folder.string())) != std::string::npos;) text.erase(at, folder.string().size());
  return text;
}

void require_same_run(const fs::path& folder, const fs::path& wanted, int64_t steps) {
  const fs::path run = folder / "out", goal = wanted / "out";
  REQUIRE(values_of(run / "metrics.jsonl", "step") == steps_to(steps));
  for (const std::string key : {"loss", "loss_long", "loss_short", "lr", "grad_norm", "tokens"}) {
    CAPTURE(key);
    REQUIRE(values_of(run / "metrics.jsonl", key) == values_of(goal / "metrics.jsonl", key));
  }
  REQUIRE(read_text(run / "row_ids.jsonl") == read_text(goal / "row_ids.jsonl"));
  REQUIRE(bad_samples(folder) == bad_samples(wanted));
  REQUIRE(newest_weights(run) == newest_weights(goal));
}

Stopwatch::Stopwatch(std::string name) : name_(std::move(name)), started_seconds_(monotonic_seconds()) {}
Stopwatch::~Stopwatch() { std::cout << name_ << ": " << monotonic_seconds() - started_seconds_ << " s" << std::endl; }

}  // namespace longclip::test
