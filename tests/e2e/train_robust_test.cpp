// tests/e2e/train_robust_test.cpp -- training on data of which half is broken in every way: it ends well, the list of bad rows
// is exact, and neither ranks, threads nor the crop cache change it.
#include <algorithm>

#include "training.h"

#include "support/catch.h"

namespace longclip::test {
namespace fs = std::filesystem;

namespace {

constexpr int64_t kLongRow = 4;  ///< from 0

/// Rows of which every second one is bad. Returns the lines of the bad ones with a part of the reason.
std::map<int64_t, std::string> write_broken_data(const fs::path& folder) {
  const std::string png = read_text(folder / "0.png");
  write_text(folder / "cut.png", png.substr(0, png.size() - 30));
  write_text(folder / "empty.png", "");
  write_text(folder / "page.png", "<html>not found</html>");
  write_text(folder / "bomb.ppm", "P6 60000 60000 255\n");
  fs::copy_file(folder / "1.png", folder / "misnamed.jpg");  // told by its content: good
  fs::create_directory(folder / "folder.png");
  std::string words;
  for (int i = 0; i < 10'000; ++i) words += "word ";
  const std::vector<std::pair<std::string, std::string>> bad = {
      {R"({"image": "gone.png", "long": "a"})", "no such file"},
      {R"({"image": "cut.png", "long": "a"})", "broken picture"},
      {R"({"image": "empty.png", "long": "a"})", "the file is empty"},
      {R"({"image": "page.png", "long": "a"})", "HTML"},
      {R"({"image": "bomb.ppm", "long": "a"})", "pixels"},
      {R"({"image": "folder.png", "long": "a"})", "not a regular file"},
      {R"({"image": "0.png", "long": ""})", "long"},
      {R"({"image": "0.png", "long": "  "})", "long"},
      {"{\"image\": \"0.png\", \"long\": \"caf\xE9\"}", "UTF-8"},
      {R"({"image": "0.png"})", "long"},
      {R"({"image": "0.png", "long": null})", "long"},
      {R"({"image": "0.png", "long": "a")", ""}};
  std::map<int64_t, std::string> reasons;
  std::string rows;
  int64_t line = 0;
  for (const auto& [row, reason] : bad) {
    const std::string number = std::to_string(line);
    const std::string image = line % 3 == 0 ? "0.png" : line % 3 == 1 ? "1.png" : "misnamed.jpg";
    rows += to_json_line({{"image", image}, {"long", "picture " + number + ". " + (line == kLongRow ? words : "One colour.")}}) + "\n" + row + "\n";
    line += 2;
    reasons[line] = reason;
  }
  write_text(folder / "rows.jsonl", rows);
  return reasons;
}

void write_robust_experiment(const fs::path& folder) {
  write_fast_experiment(folder, "schedule: {epochs: 3, warmup_steps: 1}\nprecision: {compute: fp32}\n");
}

/// Trains on `ranks` ranks into the run folder `name`; returns bad_samples.jsonl.
std::string train(const fs::path& folder, int64_t ranks, const std::string& name, const std::string& more = "") {
  const std::string launcher = ranks == 1 ? " train " : " launch --nproc " + std::to_string(ranks) + " -- ";
  const CommandResult result = run_command("OMP_NUM_THREADS=1 " + program().string() + launcher +
                                               "run.yaml --set data.max_bad_fraction=0.9 --set data.cache_dir=cache_" + name +
                                               " --set log.row_ids=true --set run.dir=" + name + more, folder);
  CAPTURE(name, result.err);
  REQUIRE(result.exit_code == 0);
  return read_text(folder / (name + "/bad_samples.jsonl"));
}

/// Every use of the row with 10,000 words, and nothing else, is counted as cut.
void check_truncated(const fs::path& run) {
  int64_t uses = 0, truncated = 0;
  for (const Json& rows : values_of(run / "row_ids.jsonl", "rows")) uses += std::ranges::count(rows, Json({0, kLongRow}));
  for (const Json& count : values_of(run / "metrics.jsonl", "truncated")) truncated += count.get<int64_t>();
  REQUIRE(uses >= 3);  // once in each epoch, and where it stands in for a bad row
  REQUIRE(truncated == uses);
}

}  // namespace

TEST_CASE("train: on data of which half is broken it ends well, with an exact list that nothing changes", "[e2e]") {
  const TemporaryFolder folder;
  write_robust_experiment(folder.path());
  const std::map<int64_t, std::string> reasons = write_broken_data(folder.path());
  const std::string list = train(folder.path(), 1, "one", " --set data.workers=1");
  std::set<int64_t> lines;
  for (const auto& [line, reason] : reasons) lines.insert(line);
  REQUIRE(bad_lines(folder / "one") == lines);
  for (const Json& row : json_lines(folder / "one/bad_samples.jsonl")) {
    CAPTURE(row.dump());
    REQUIRE_THAT(row.at("reason").get<std::string>(), ContainsSubstring(reasons.at(row.at("line"))));
  }
  REQUIRE(values_of(folder / "one/metrics.jsonl", "step") == steps_to(18));  // 24 rows, 4 pairs a step, 3 epochs
  for (const Json& skipped : values_of(folder / "one/metrics.jsonl", "skipped")) REQUIRE(skipped == false);
  for (const Json& waited : values_of(folder / "one/metrics.jsonl", "data_wait_seconds")) REQUIRE(waited >= 0.0);

  check_truncated(folder / "one");

  REQUIRE(train(folder.path(), 1, "threads", " --set data.workers=4") == list);
  REQUIRE(newest_weights(folder / "threads") == newest_weights(folder / "one"));
  REQUIRE(train(folder.path(), 1, "cached", " --set data.workers=4 --set data.crop_cache=on") == list);
  REQUIRE(newest_weights(folder / "cached") == newest_weights(folder / "one"));
  REQUIRE(train(folder.path(), 2, "ranks", " --set data.workers=1") == list);
  check_truncated(folder / "ranks");
  REQUIRE(train(folder.path(), 2, "cached_ranks", " --set data.workers=4 --set data.crop_cache=on") == list);
  REQUIRE(newest_weights(folder / "cached_ranks") == newest_weights(folder / "ranks"));
}

TEST_CASE("prepare: finds the bad rows that training finds", "[e2e]") {
  const TemporaryFolder folder;
  write_robust_experiment(folder.path());
  const std::map<int64_t, std::string> reasons = write_broken_data(folder.path());
  const Json report = parse_json(run_well("prepare run.yaml --json --set data.max_bad_fraction=0.9 --set data.cache_dir=cache --workers 4", folder.path()), "prepare");
  REQUIRE((report.at("rows") == 24 && report.at("good") == 12 && report.at("bad") == 12 && report.at("truncated_long") == 1));
  std::map<int64_t, Json> found, trained;
  for (const Json& row : report.at("bad_samples")) found[row.at("line")] = row;
  train(folder.path(), 1, "out");
  for (const Json& row : json_lines(folder / "out/bad_samples.jsonl")) trained[row.at("line")] = row;
  REQUIRE(found == trained);
}

}  // namespace longclip::test
