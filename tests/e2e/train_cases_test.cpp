// tests/e2e/train_cases_test.cpp -- the hard cases that training meets: odd rows, odd pictures, odd configs, data that
// does not fill a step, data that changed.
#include "training.h"

#include "support/catch.h"

namespace longclip::test {
namespace fs = std::filesystem;

namespace {

/// `longclip train` with exit code 2 and a message that holds all of `says`.
void check_refused(const std::string& arguments, const fs::path& folder, const std::vector<std::string>& says) {
  const CommandResult result = run_longclip("train " + arguments, folder);
  CAPTURE(arguments, result.err);
  REQUIRE(result.exit_code == 2);
  for (const std::string& text : says) REQUIRE_THAT(result.err, ContainsSubstring(text));
}

void write_config(const fs::path& folder, const std::string& data) {
  write_text(folder / "run.yaml",
             "run: {name: case, dir: out, device: cpu}\nmodel: {init: long.safetensors}\n"
             "data: {train: [{format: triples, path: rows.jsonl}], pairs_per_step: 4" +
                 data +
                 "}\n"
                 "schedule: {epochs: 4, warmup_steps: 1}\nprecision: {compute: fp32}\n");
}

/// A row of each JPEG, PNG and broken picture of case 06. Returns the lines that must be bad.
std::set<int64_t> write_picture_rows(const fs::path& folder) {
  std::set<int64_t> bad;
  std::string rows;
  int64_t line = 0;
  const Json values = case_values("06_picture_modes_and_damage");
  for (const auto& [file, value] : values.items()) {
    if (file == "bad_crc_phys.png") continue;                                              // either verdict is right
    if (value.value("format", "JPEG") != "JPEG" && value.at("format") != "PNG") continue;  // no format of ours
    ++line;
    if (value.at("verdict") == "bad") bad.insert(line);
    rows += to_json_line({{"image", file}, {"long", "a picture of " + file}, {"short", file}}) + "\n";
  }
  write_text(folder / "rows.jsonl", rows);
  return bad;
}

}  // namespace

TEST_CASE("train: odd lines of a data file are judged by their own number, listed once and left out", "[e2e]") {
  if (!cases_dir()) return say_skipped("odd lines in training", "the cases");
  const TemporaryFolder folder;
  copy_case("04_jsonl_odd_lines", folder.path());
  write_config(folder.path(), ", max_bad_fraction: 1.0");
  run_well("train run.yaml", folder.path());
  std::set<int64_t> wanted;
  const Json lines = case_values("04_jsonl_odd_lines").at("lines");
  for (const auto& [line, verdict] : lines.items()) {
    const std::string text = verdict;
    if (!text.starts_with("good") && !text.starts_with("skipped")) wanted.insert(std::stoll(line));
  }
  REQUIRE(bad_lines(folder / "out") == wanted);
  for (const Json& row : json_lines(folder / "out/bad_samples.jsonl")) {
    REQUIRE_THAT(row.at("source").get<std::string>(), ContainsSubstring("rows.jsonl"));
    REQUIRE(row.contains("image"));
  }
  for (const Json& skipped : values_of(folder / "out/metrics.jsonl", "skipped")) REQUIRE(skipped == false);
}

TEST_CASE("train: odd lines end a run with their place or their count, as the config says", "[e2e]") {
  if (!cases_dir()) return say_skipped("odd lines in training", "the cases");
  const TemporaryFolder folder;
  copy_case("04_jsonl_odd_lines", folder.path());
  write_config(folder.path(), ", max_bad_fraction: 1.0");
  check_refused("run.yaml --set data.on_bad_sample=fail", folder.path(), {"rows.jsonl:5", "duplicate key 'long'"});
  check_refused("run.yaml --set data.max_bad_fraction=0.2", folder.path(), {"of 16 rows", "data.max_bad_fraction"});
  REQUIRE_FALSE(fs::exists(folder / "out/checkpoints"));
}

TEST_CASE("train: damaged pictures are listed and left out, pictures of unusual modes are used", "[e2e]") {
  if (!cases_dir()) return say_skipped("odd pictures in training", "the cases");
  const TemporaryFolder folder;
  copy_case("06_picture_modes_and_damage", folder.path());
  const std::set<int64_t> bad = write_picture_rows(folder.path());
  write_config(folder.path(), ", max_bad_fraction: 0.5, workers: 2");
  run_well("train run.yaml", folder.path());
  REQUIRE(bad_lines(folder / "out") == bad);
  check_refused("run.yaml --set run.dir=out2 --set data.on_bad_sample=fail", folder.path(), {"rows.jsonl:"});
  const std::string rows = std::to_string(json_lines(folder / "rows.jsonl").size());
  check_refused("run.yaml --set run.dir=out3 --set data.max_bad_fraction=0.2", folder.path(),
                {" of " + rows + " rows", "data.max_bad_fraction"});
}

TEST_CASE("train: each odd config is accepted and trains, or is refused with its file", "[e2e]") {
  if (!cases_dir()) return say_skipped("odd configs in training", "the cases");
  const TemporaryFolder folder;
  copy_case("13_yaml_traps", folder.path());
  int accepted = 0;
  const Json values = case_values("13_yaml_traps");
  for (const auto& [file, verdict] : values.items()) {
    const std::string run = "out_" + fs::path(file).stem().string();
    CAPTURE(file);
    if (verdict.get<std::string>().starts_with("accepted")) {
      run_well("train " + file + " --set run.dir=" + run, folder.path());
      REQUIRE(values_of(folder / (run + "/metrics.jsonl"), "lr").at(0) == 1e-6);
      REQUIRE_THAT(read_text(folder / (run + "/config.yaml")), ContainsSubstring("weight_decay: 0.01"));
      ++accepted;
    } else {
      check_refused(file + " --set run.dir=" + run, folder.path(), {file});
      REQUIRE_FALSE(fs::exists(folder / run));
    }
  }
  REQUIRE(accepted > 0);
}

TEST_CASE("train: a step that the data cannot fill is refused, a smaller one trains", "[e2e]") {
  if (!cases_dir()) return say_skipped("a step larger than the data", "the cases");
  const TemporaryFolder folder;
  copy_case("14_step_larger_than_data", folder.path());
  check_refused("eight.yaml", folder.path(), {"8", "5 usable rows", "no complete step exists"});
  check_refused("none.yaml", folder.path(), {"empty.jsonl", "no rows"});
  REQUIRE_FALSE(fs::exists(folder / "out8"));
  REQUIRE_FALSE(fs::exists(folder / "out0"));
  const CommandResult four = run_longclip("train four.yaml", folder.path());
  REQUIRE(four.exit_code == 0);
  const Json steps = case_values("14_step_larger_than_data").at("steps").at("four.yaml");
  REQUIRE(values_of(folder / "out4/metrics.jsonl", "step") == steps_to(steps));
  REQUIRE_THAT(four.err, ContainsSubstring("warning coarse features are the features themselves: 4 rows"));
  run_well("train five.yaml", folder.path());  // the broken row is replaced by the next good one
  REQUIRE(values_of(folder / "out5/metrics.jsonl", "epoch") == std::vector<Json>{0, 1});
  REQUIRE(bad_lines(folder / "out5") == std::set<int64_t>{4});
}

TEST_CASE("train: data that changed is noticed on resume", "[e2e]") {
  if (!cases_dir()) return say_skipped("changed data", "the cases");
  const TemporaryFolder folder;
  copy_case("15_resume_data_changed", folder.path());
  const auto use = [&](const std::string& rows) {
    fs::copy_file(folder / rows, folder / "rows.jsonl", fs::copy_options::overwrite_existing);
  };
  use("rows_12.jsonl");
  run_well("train run.yaml --set run.stop_after_steps=5", folder.path());
  use("rows_12_reordered.jsonl");
  check_refused("run.yaml", folder.path(), {"the same number of rows, other content", "data.changed: next_epoch"});
  use("rows_10.jsonl");
  check_refused("run.yaml", folder.path(), {"12 rows before, 10 now"});
  const CommandResult next = run_longclip("train run.yaml --set data.changed=next_epoch", folder.path());
  CAPTURE(next.err);
  REQUIRE(next.exit_code == 0);
  REQUIRE_THAT(next.err, ContainsSubstring("12 rows before, 10 now") && ContainsSubstring("going on with epoch 2"));
  REQUIRE(values_of(folder / "out/metrics.jsonl", "epoch") == std::vector<Json>{0, 0, 0, 1, 1, 2, 2, 3, 3});
  REQUIRE(values_of(folder / "out/metrics.jsonl", "step") == steps_to(9));
}

TEST_CASE("train: unchanged data continues with the losses of a run that was not stopped", "[e2e]") {
  if (!cases_dir()) return say_skipped("unchanged data", "the cases");
  const TemporaryFolder folder;
  copy_case("15_resume_data_changed", folder.path());
  fs::copy_file(folder / "rows_12.jsonl", folder / "rows.jsonl");
  run_well("train run.yaml --set run.dir=whole", folder.path());
  run_well("train run.yaml --set run.stop_after_steps=5", folder.path());
  run_well("train run.yaml", folder.path());
  REQUIRE(values_of(folder / "out/metrics.jsonl", "step") == steps_to(12));
  REQUIRE(values_of(folder / "out/metrics.jsonl", "loss") == values_of(folder / "whole/metrics.jsonl", "loss"));
}

}  // namespace longclip::test
