// tests/data/data_fingerprint_test.cpp -- data/data_fingerprint.h
#include "data/data_fingerprint.h"

#include "support/catch.h"
#include "support/reference_data.h"

namespace longclip {
namespace {

DataFingerprint fingerprint_of_file(const std::filesystem::path& file) {
  std::vector<std::unique_ptr<PairSource>> sources;
  sources.push_back(build_source({.path = file, .images = {file.parent_path()}}));
  return fingerprint_of(sources);
}

}  // namespace

TEST_CASE("DataFingerprint: lost rows and another order are told apart from unchanged data", "[data][golden]") {
  const auto cases = test::cases_dir();
  if (!cases) return test::say_skipped("changed data", "shared/cases");
  const auto folder = *cases / "15_resume_data_changed";
  const DataFingerprint before = fingerprint_of_file(folder / "rows_12.jsonl");
  REQUIRE(describe_change(before, fingerprint_of_file(folder / "rows_12.jsonl")).empty());
  REQUIRE(describe_change(before, fingerprint_of_file(folder / "rows_10.jsonl")) == "12 rows before, 10 now");
  REQUIRE_THAT(describe_change(before, fingerprint_of_file(folder / "rows_12_reordered.jsonl")),
               ContainsSubstring("same number of rows, other content"));
}

}  // namespace longclip
