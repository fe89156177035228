// tests/e2e/prepare_test.cpp -- longclip prepare: what it finds in odd data, where it writes, and how it ends.
#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "training.h"

#include "support/catch.h"

namespace longclip::test {
namespace fs = std::filesystem;

namespace {

/// run.yaml with a `data` section alone, which keeps its caches in the folder `cache`.
void write_data_config(const fs::path& folder, const std::string& source, const std::string& more = "") {
  write_text(folder / "run.yaml", "data: {cache_dir: cache, train: [" + source + "]" + more + "}\n");
}

Json prepare_well(const fs::path& folder, const std::string& more = "") {
  return parse_json(run_well("prepare run.yaml --json " + more, folder), "prepare");
}

std::set<int64_t> lines_of(const Json& report) {
  std::set<int64_t> lines;
  for (const Json& row : report.at("bad_samples")) {
    REQUIRE_FALSE(row.at("reason").get<std::string>().empty());
    REQUIRE(lines.insert(row.at("line").get<int64_t>()).second);
  }
  return lines;
}

/// Copies a case; says and returns false where it is not there.
bool take_case(const std::string& name, const fs::path& folder) {
  if (!cases_dir()) {
    say_skipped("prepare on case " + name, "the cases");
    return false;
  }
  copy_case(name, folder);
  return true;
}

}  // namespace

TEST_CASE("prepare: captions that do not fit are counted, those that just fit are not", "[e2e]") {
  const TemporaryFolder folder;
  if (!take_case("02_caption_length_limit", folder.path())) return;
  write_data_config(folder.path(), "{format: triples, path: rows.jsonl}");
  const Json report = prepare_well(folder.path());
  int64_t truncated = 0;
  const Json values = case_values("02_caption_length_limit");
  for (const Json& row : values.at("rows")) truncated += row.at("truncated") ? 1 : 0;
  REQUIRE(report.at("rows") == values.at("rows").size());
  REQUIRE(report.at("good") == report.at("rows"));
  REQUIRE(report.at("bad") == 0);
  REQUIRE(report.at("truncated_long") == truncated);
  REQUIRE(prepare_well(folder.path(), "--context 247").at("truncated_long") == values.at("rows").size() - 2);
  REQUIRE(prepare_well(folder.path(), "--context 10000").at("truncated_long") == 0);
}

TEST_CASE("prepare: a spreadsheet's CSV is read row by row, with its missing short caption", "[e2e]") {
  const TemporaryFolder folder;
  if (!take_case("03_csv_from_spreadsheet", folder.path())) return;
  for (const std::string separator : {"", ", separator: ';'"}) {
    write_data_config(folder.path(), fmt::format("{{format: csv, path: table.csv, short_column: short{}}}", separator));
    const Json report = prepare_well(folder.path());
    REQUIRE((report.at("rows") == 6 && report.at("bad") == 0));
    REQUIRE(report.at("without_short") == 1);
  }
}

TEST_CASE("prepare: odd lines are named by their own number", "[e2e]") {
  const TemporaryFolder folder;
  if (!take_case("04_jsonl_odd_lines", folder.path())) return;
  write_data_config(folder.path(), "{format: triples, path: rows.jsonl}", ", max_bad_fraction: 1.0");
  std::set<int64_t> wanted;
  const Json lines = case_values("04_jsonl_odd_lines").at("lines");
  for (const auto& [line, verdict] : lines.items()) {
    const std::string text = verdict;
    if (!text.starts_with("good") && !text.starts_with("skipped")) wanted.insert(std::stoll(line));
  }
  const Json report = prepare_well(folder.path());
  REQUIRE(lines_of(report) == wanted);
  REQUIRE((report.at("rows") == 16 && report.at("good") == 6));
  // Too many for a run by default: exit code 2, but the report is there.
  const CommandResult strict = run_longclip("prepare run.yaml --json --out report.json --set data.max_bad_fraction=0.05", folder.path());
  REQUIRE(strict.exit_code == 2);
  REQUIRE_THAT(strict.err, ContainsSubstring("10 of 16 rows cannot be used, more than data.max_bad_fraction = 0.05"));
  REQUIRE(parse_json(strict.out, "prepare") == report);
  REQUIRE(parse_json(read_text(folder / "report.json"), "report.json") == report);
  REQUIRE(run_longclip("prepare run.yaml --set data.on_bad_sample=fail", folder.path()).exit_code == 2);
}

TEST_CASE("prepare: of a shard every sample counts, and the one that cannot be used is named", "[e2e]") {
  const TemporaryFolder folder;
  if (!take_case("05_tar_dots_pax_mac", folder.path())) return;
  write_data_config(folder.path(), "{format: webdataset, path: shard-000000.tar}", ", max_bad_fraction: 0.2, crop_cache: on");
  const Json values = case_values("05_tar_dots_pax_mac");
  for (int pass = 0; pass < 2; ++pass) {  // the second one reads the crops of the first
    const Json report = prepare_well(folder.path());
    REQUIRE(report.at("good") == values.at("good_keys").size());
    REQUIRE(report.at("bad") == 1);
    REQUIRE(report.at("bad_samples")[0].at("image") == values.at("not_usable")[0]);
    REQUIRE_THAT(report.at("bad_samples")[0].at("source").get<std::string>(), ContainsSubstring("shard-000000.tar"));
    REQUIRE(report.at("images").at("formats") == Json({{"JPEG", 5}, {"PNG", 1}, {"WEBP", 1}}));
  }
}

TEST_CASE("prepare: pictures of unusual modes are good, damaged ones are named", "[e2e]") {
  const TemporaryFolder folder;
  if (!take_case("06_picture_modes_and_damage", folder.path())) return;
  std::string rows;
  std::set<int64_t> bad;
  std::map<std::string, int64_t> formats;
  int64_t line = 0;
  const Json values = case_values("06_picture_modes_and_damage");
  for (const auto& [file, value] : values.items()) {
    if (file == "bad_crc_phys.png") continue;  // either verdict is right
    ++line;
    if (value.at("verdict") == "bad") bad.insert(line);
    else ++formats[value.at("format")];
    rows += to_json_line({{"image", file}, {"long", "a picture of " + file}}) + "\n";
  }
  write_text(folder / "rows.jsonl", rows);
  write_data_config(folder.path(), "{format: triples, path: rows.jsonl}", ", max_bad_fraction: 0.5");
  const Json report = prepare_well(folder.path());
  REQUIRE(lines_of(report) == bad);
  REQUIRE(Json(formats) == Json(report.at("images").at("formats")));
  REQUIRE(report.at("images").at("grey16") == 1);
  REQUIRE_THAT(run_well("prepare run.yaml", folder.path()), ContainsSubstring("1 have 16-bit grey"));
}

TEST_CASE("prepare: an Urban1k folder gives its complete pairs, and names the others", "[e2e]") {
  const TemporaryFolder folder;
  if (!take_case("16_urban1k_empty_caption", folder.path())) return;
  write_data_config(folder.path(), "{format: urban1k, path: set}", ", max_bad_fraction: 1.0");
  const Json report = prepare_well(folder.path());
  const Json values = case_values("16_urban1k_empty_caption");
  REQUIRE(report.at("good") == values.at("pairs").size());
  for (const Json& name : values.at("names_reported")) {
    const std::string part = fmt::format("/{}.", name.get<std::string>());
    const bool named = std::ranges::any_of(report.at("bad_samples"), [&](const Json& row) {
      return row.at("image").get<std::string>().find(part) != std::string::npos || row.at("reason").get<std::string>().find(part) != std::string::npos;
    });
    CAPTURE(report.at("bad_samples").dump(), name.dump());
    REQUIRE(named);
  }
}

TEST_CASE("prepare: lengths, sizes and repetitions are those of the rows", "[e2e]") {
  const TemporaryFolder folder;
  write_experiment(folder.path());
  const std::string rows = read_text(folder / "rows.jsonl");
  write_text(folder / "rows.jsonl", rows + rows.substr(0, rows.find('\n') + 1) + R"({"image": "1.png", "long": "a <|endoftext|> b"})" + "\n");
  const Json report = prepare_well(folder.path(), "--set data.cache_dir=cache");
  REQUIRE((report.at("rows") == 10 && report.at("good") == 10 && report.at("steps_per_epoch") == 2));
  REQUIRE((report.at("without_short") == 1 && report.at("special_tokens") == 1));
  REQUIRE((report.at("long_tokens").at("min") == 5 && report.at("long_tokens").at("max") == 10));
  REQUIRE(report.at("images").at("width").at("max") == 2);
  REQUIRE(report.at("images").at("modes") == Json({{"RGB", 10}}));
  REQUIRE(report.at("duplicates").at("images").at("rows") == 8);
  const Json captions = report.at("duplicates").at("long_captions");
  REQUIRE(captions.at("rows") == 1);
  REQUIRE_THAT(captions.at("examples")[0][0].get<std::string>(), ContainsSubstring("rows.jsonl:1"));
  REQUIRE_THAT(captions.at("examples")[0][1].get<std::string>(), ContainsSubstring("rows.jsonl:9"));
}

TEST_CASE("prepare: needs the data section alone, and checks what else is there", "[e2e]") {
  const TemporaryFolder folder;
  write_experiment(folder.path());
  write_data_config(folder.path(), "{format: triples, path: rows.jsonl}");
  REQUIRE(prepare_well(folder.path(), "--set run.seed=3").at("images").at("size") == 224);
  const std::string yaml = read_text(folder / "run.yaml");
  const auto refused = [&](const std::string& more, const std::string& says) {
    write_text(folder / "run.yaml", yaml + more);
    const CommandResult result = run_longclip("prepare run.yaml", folder.path());
    CAPTURE(result.err, more);
    REQUIRE(result.exit_code == 2);
    REQUIRE_THAT(result.err, ContainsSubstring(says));
  };
  refused("optim: {weight_deacy: 0.1}\n", "run.yaml:2:");
  refused("run: {name: .hidden}\n", "run.name");
  write_text(folder / "run.yaml", "run: {name: x}\n");
  REQUIRE_THAT(run_longclip("prepare run.yaml", folder.path()).err, ContainsSubstring("data.train"));
  write_data_config(folder.path(), "{format: sharegpt4v, path: cut.json}");
  write_text(folder / "cut.json", R"([{"image": "0.png", "conversations": [{"value": "q"}, {"value": "a ca)");
  REQUIRE_THAT(run_longclip("prepare run.yaml", folder.path()).err, ContainsSubstring("cut.json: "));
  REQUIRE(run_longclip("prepare run.yaml", folder.path()).exit_code == 2);
  write_data_config(folder.path(), "{format: triples, path: bad.jsonl}");
  write_text(folder / "bad.jsonl", "{\"image\": \"0.png\", \"caption\": \"a cat\"}\n");
  const CommandResult nothing = run_longclip("prepare run.yaml --set data.max_bad_fraction=1.0", folder.path());
  REQUIRE(nothing.exit_code == 2);
  REQUIRE_THAT(nothing.err, ContainsSubstring("not one of the 1 rows can be used"));
  REQUIRE_THAT(nothing.out, ContainsSubstring("bad.jsonl:1"));
}

TEST_CASE("prepare: a step that the good rows do not fill is refused where the config asks for it, as in training", "[e2e]") {
  const TemporaryFolder folder;
  write_experiment(folder.path());
  const auto prepared = [&](const std::string& more) { return run_longclip("prepare run.yaml --json --set data.cache_dir=cache " + more, folder.path()); };
  REQUIRE(prepared("--set data.pairs_per_step=8").exit_code == 0);
  const CommandResult refused = prepared("--set data.pairs_per_step=9");
  REQUIRE(refused.exit_code == 2);
  REQUIRE_THAT(refused.err, ContainsSubstring("data.pairs_per_step is 9, but there are 8 usable rows") && ContainsSubstring("to at most 8"));
  REQUIRE(parse_json(refused.out, "prepare").at("steps_per_epoch") == 0);
  REQUIRE(run_longclip("train run.yaml --set data.pairs_per_step=9", folder.path()).exit_code == 2);
  write_data_config(folder.path(), "{format: triples, path: rows.jsonl}");
  const CommandResult by_default = prepared("");
  REQUIRE(by_default.exit_code == 0);
  REQUIRE_THAT(by_default.err, ContainsSubstring("data.pairs_per_step is 1024") && ContainsSubstring("the config does not set it"));
}

TEST_CASE("prepare: opens the sets of the eval section, and a mistake in them ends it as it ends training", "[e2e]") {
  const TemporaryFolder folder;
  write_experiment(folder.path());
  fs::create_directories(folder / "classes/cat");
  write_red_png(folder / "classes/cat/1.png");
  const std::string yaml = read_text(folder / "run.yaml");
  const auto ended = [&](const std::string& command, const std::string& eval) {
    write_text(folder / "run.yaml", yaml + "eval: {" + eval + "}\n");
    return run_longclip(command + " run.yaml --set data.cache_dir=cache", folder.path());
  };
  const CommandResult good = ended("prepare", "retrieval: [{name: val, format: triples, path: rows.jsonl, captions: long}], zeroshot: [{name: pets, path: classes}]");
  CAPTURE(good.err);
  REQUIRE(good.exit_code == 0);
  REQUIRE_THAT(good.err, ContainsSubstring("eval.retrieval val, long captions: 8 pictures") && ContainsSubstring("eval.zeroshot pets: 1 pictures"));
  write_text(folder / "long.jsonl", "{\"image\": \"0.png\", \"long\": \"a\"}\n");
  for (const auto& [eval, says] : {std::pair<std::string, std::string>{"retrieval: [{name: val, format: triples, path: none.jsonl}]", "none.jsonl"},
                                   {"retrieval: [{name: val, format: triples, path: long.jsonl}]", "no row has a usable short caption"},
                                   {"zeroshot: [{name: pets, path: none}]", "none"}}) {
    for (const std::string command : {"prepare", "train"}) {
      const CommandResult result = ended(command, eval);
      CAPTURE(command, eval, result.err);
      REQUIRE(result.exit_code == 2);
      REQUIRE_THAT(result.err, ContainsSubstring(says));
      REQUIRE(result.out.empty());
      REQUIRE_FALSE(fs::exists(folder / "out/metrics.jsonl"));
    }
  }
}

TEST_CASE("prepare: writes its caches and the report alone, which a run then uses", "[e2e]") {
  const TemporaryFolder folder;
  write_fast_experiment(folder.path(), "schedule: {steps: 4, warmup_steps: 1}\nprecision: {compute: fp32}\n");
  run_well("train run.yaml --set run.dir=plain --set data.cache_dir=plain_cache", folder.path());
  const auto before = hashes_below(folder.path());
  const CommandResult first = run_longclip("prepare run.yaml --set data.cache_dir=cache --set data.crop_cache=on --out report.json", folder.path());
  REQUIRE(first.exit_code == 0);
  REQUIRE_THAT(first.err, ContainsSubstring("8 crops of 32 x 32 pixels are kept in"));
  auto after = hashes_below(folder.path());
  std::erase_if(after, [&](const auto& file) { return file.first.starts_with((folder / "cache/").string()); });
  REQUIRE(after.erase((folder / "report.json").string()) == 1);
  REQUIRE(after == before);
  REQUIRE(run_longclip("prepare run.yaml --set data.cache_dir=cache --out report.json", folder.path()).exit_code == 2);  // it exists
  const auto crops = hashes_below(folder / "cache/crops");
  REQUIRE(crops.size() == 1);
  run_well("train run.yaml --set data.cache_dir=cache --set data.crop_cache=on", folder.path());
  REQUIRE(hashes_below(folder / "cache/crops") == crops);
  REQUIRE(newest_weights(folder / "out") == newest_weights(folder / "plain"));
}

TEST_CASE("prepare: a signal ends it cleanly, and not with 0", "[e2e]") {
  const TemporaryFolder folder;
  write_text(folder / "large.ppm", "P6 2000 2000 255\n" + std::string(12'000'000, 'x'));
  std::string rows;
  for (int i = 0; i < 20000; ++i) rows += to_json_line({{"image", "large.ppm"}, {"long", "number " + std::to_string(i)}}) + "\n";
  write_text(folder / "rows.jsonl", rows);
  write_data_config(folder.path(), "{format: triples, path: rows.jsonl}", ", crop_cache: on");
  for (const auto& [signal, code] : {std::pair{"TERM", 143}, std::pair{"INT", 130}}) {
    fs::remove_all(folder / "cache");
    // Once the crops' file is there the pass over the pictures begins, which takes minutes.
    const CommandResult result = run_command(
        program().string() + " prepare run.yaml --out report.json & pid=$!; tries=0; until [ -e cache/crops ] || [ $tries -ge 3000 ]; do sleep 0.02; "
        "tries=$((tries + 1)); done; kill -" + signal + " $pid; wait $pid", folder.path());
    CAPTURE(result.err);
    REQUIRE(result.exit_code == code);
    REQUIRE_FALSE(fs::exists(folder / "report.json"));
    REQUIRE(result.out.empty());
  }
}

}  // namespace longclip::test
