// tests/src/report/metrics_log_test.cpp -- one line a record, and cutting back to a checkpoint.
#include "report/metrics_log.h"

#include <limits>
#include <string>

#include "support/reference_data.h"
#include "support/catch.h"

namespace longclip {
namespace {

Json record(int64_t step) { return {{"step", step}, {"loss", 0.5}}; }

}  // namespace

TEST_CASE("MetricsLog: one object a line, keys in the caller's order, null where a number is not finite",
          "[report][unit]") {
  const test::TemporaryFolder folder;
  MetricsLog log(folder / "run/metrics.jsonl");
  log.append({{"step", 1}, {"loss", 0.1}, {"epoch", 0}});
  log.append({{"step", 2},
              {"loss", std::numeric_limits<double>::quiet_NaN()},
              {"lr", std::numeric_limits<double>::infinity()}});
  CHECK(test::read_text(folder / "run/metrics.jsonl") ==
        "{\"step\":1,\"loss\":0.1,\"epoch\":0}\n{\"step\":2,\"loss\":null,\"lr\":null}\n");
}

TEST_CASE("MetricsLog: opening a file again keeps its lines", "[report][unit]") {
  const test::TemporaryFolder folder;
  for (const int64_t step : {1, 2}) MetricsLog(folder / "m.jsonl").append(record(step));
  CHECK(test::read_text(folder / "m.jsonl") == "{\"step\":1,\"loss\":0.5}\n{\"step\":2,\"loss\":0.5}\n");
}

TEST_CASE("MetricsLog: resuming drops later lines and the part of a line, and goes on behind the rest",
          "[report][unit]") {
  const test::TemporaryFolder folder;
  const auto path = folder / "m.jsonl";
  const std::string kept = "{\"step\":1,\"loss\":0.25}\n{\"step\":2}\n";
  test::write_text(path, kept + "{\"step\":4}\n{\"step\":3,\"a\":{\"step\":1}}\n{\"step\":2,\"lo");
  MetricsLog log(path);
  CHECK(log.drop_after(2) == 3);
  CHECK(test::read_text(path) == kept);
  log.append(record(3));
  CHECK(test::read_text(path) == kept + "{\"step\":3,\"loss\":0.5}\n");
  CHECK(log.drop_after(3) == 0);
}

TEST_CASE("MetricsLog: lines that are no record are dropped, wherever they stand", "[report][unit]") {
  const test::TemporaryFolder folder;
  const auto path = folder / "m.jsonl";
  const std::string zeros(40, '\0');
  test::write_text(path, "{\"step\":1}\n[1]\n\n{\"loss\":1}\n{\"step\":\"2\"}\n{\"step\":2}\n" + zeros);
  CHECK(MetricsLog(path).drop_after(9) == 5);
  CHECK(test::read_text(path) == "{\"step\":1}\n{\"step\":2}\n");
}

TEST_CASE("MetricsLog: a line without its line break was cut, even where it reads as JSON", "[report][unit]") {
  const test::TemporaryFolder folder;
  test::write_text(folder / "m.jsonl", "{\"step\":1}");  // may have been {"step":1,...} or followed by more digits
  CHECK(MetricsLog(folder / "m.jsonl").drop_after(5) == 1);
  CHECK(test::read_text(folder / "m.jsonl").empty());
}

TEST_CASE("MetricsLog: a file that cannot be written is named", "[report][unit]") {
  const test::TemporaryFolder folder;
  std::filesystem::create_directory(folder / "m.jsonl");
  CHECK_THROWS_WITH(MetricsLog(folder / "m.jsonl"), ContainsSubstring("m.jsonl: Is a directory"));
  MetricsLog full("/dev/full");
  full.append(record(1));
  CHECK_THAT(full.file().failure(), ContainsSubstring("/dev/full: No space left on device"));
}

}  // namespace longclip
