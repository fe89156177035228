// tests/data/prepare_test.cpp -- data/prepare.h
#include "data/prepare.h"

#include "small_data.h"
#include "support/catch.h"

namespace longclip {

TEST_CASE("prepare: the report does not depend on the number of threads", "[data][unit]") {
  const test::SmallData data(40, {3, 4, 39});
  DataConfig config = data.config(6);
  config.train.push_back(config.train[0]);
  config.train[1].limit = 10;
  config.train[1].weight = 0.5;
  const Json report = to_json(prepare_data(config, {.image_size = 4, .context = 5, .workers = 1}));
  REQUIRE((report["rows"] == 50 && report["good"] == 45 && report["bad"] == 5));
  REQUIRE(report["bad_samples"].size() == 5);
  REQUIRE(report["truncated_long"] == 45);
  REQUIRE(report["duplicates"]["images"]["rows"] == 8);  // the second source says again what the first did
  REQUIRE(report["images"]["enlarged"] == 0);
  REQUIRE(report["steps_per_epoch"] == 7);  // 40 + 5 visits by sixes
  for (const int64_t workers : {2, 5}) {
    REQUIRE(to_json(prepare_data(config, {.image_size = 4, .context = 5, .workers = workers})) == report);
  }
}

TEST_CASE("prepare: bad rows are listed, not thrown, whatever the config wants of a run", "[data][unit]") {
  const test::SmallData data(4, {0, 1, 2, 3});
  DataConfig config = data.config(6);
  config.on_bad_sample = OnBadSample::kFail;
  const PrepareReport report = prepare_data(config, {.image_size = 4});
  REQUIRE((report.good() == 0 && report.bad.size() == 4 && report.steps_per_epoch == 0));
  REQUIRE_THAT(to_table(report), ContainsSubstring("4 rows: 0 good, 4 bad (100.00 %)") && ContainsSubstring("the file is empty"));
}

TEST_CASE("prepare: what of the bad rows is bad is counted", "[data][unit]") {
  const test::SmallData data(5, {1});
  std::string rows = test::read_text(data.path("rows.jsonl"));
  rows += "{\n{\"image\": \"none.png\", \"long\": \"x\"}\n{\"image\": \"none.png\", \"long\": \"x\"}\n";
  for (const std::string caption : {"null", "\" \"", "\"\\u200b\""}) rows += "{\"image\": \"000.png\", \"long\": " + caption + "}\n";
  test::write_text(data.path("rows.jsonl"), rows);
  const PrepareReport report = prepare_data(data.config(2), {.image_size = 4});
  const Json json = to_json(report);
  CAPTURE(json["bad_samples"].dump());
  REQUIRE(json["bad_kinds"]["row"] == 1);
  REQUIRE(json["bad_kinds"]["missing"] == 2);
  REQUIRE(json["bad_kinds"]["broken"] == 1);
  REQUIRE(json["bad_kinds"]["caption"].get<int64_t>() == report.rows - report.good() - 4);
  REQUIRE(json["bad_samples"][0]["kind"] == "broken");
  REQUIRE_THAT(to_table(report), ContainsSubstring("pictures missing 2, pictures broken 1, captions bad ") && ContainsSubstring(", rows malformed 1"));
}

TEST_CASE("prepare: where the good rows do not fill a step, the reason is there", "[data][unit]") {
  const test::SmallData data(5, {1});
  const PrepareReport report = prepare_data(data.config(5), {.image_size = 4});
  REQUIRE(report.steps_per_epoch == 0);
  REQUIRE_THAT(report.no_step, ContainsSubstring("data.pairs_per_step is 5, but there are 4 usable rows"));
  REQUIRE(prepare_data(data.config(4), {.image_size = 4}).no_step.empty());
}

TEST_CASE("prepare: pictures smaller than the crop and long captions are counted", "[data][unit]") {
  const test::SmallData data(5);
  const PrepareReport report = prepare_data(data.config(2), {.image_size = 7});
  REQUIRE((report.enlarged == 5 && report.truncated_long() == 0 && report.without_short == 0));
  REQUIRE(report.modes == std::map<std::string, int64_t>{{"RGB", 5}});
  const std::string table = to_table(report);
  REQUIRE_THAT(table, ContainsSubstring("width 8 to 8") && ContainsSubstring("5 are enlarged to 7") && ContainsSubstring("formats: PNG 5"));
}

}  // namespace longclip
