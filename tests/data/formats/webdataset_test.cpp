// tests/data/formats/webdataset_test.cpp -- data/formats/webdataset.h
#include "data/formats/webdataset.h"

#include "base/json.h"
#include "data/formats/sample_index.h"
#include "opened.h"
#include "support/catch.h"
#include "tar_writer.h"

namespace longclip {
namespace {

using test::tar_of;

std::unique_ptr<PairSource> open(const test::DataFile& shard) { return shard.open(SourceFormat::kWebdataset); }

std::string verdict_of_sample(const std::vector<test::TarEntry>& members) {
  std::vector<test::TarEntry> all = members;
  all.push_back({"zz.jpg", "picture"});
  all.push_back({"zz.txt", "caption"});
  return test::verdict_of(*open(test::DataFile("s.tar", tar_of(all))), 0);
}

}  // namespace

TEST_CASE("Webdataset: a sample is a picture with its captions, as texts or JSON", "[formats][unit]") {
  const test::DataFile shard("s.tar", tar_of({{"a/0.jpg", "JPG"},
                                              {"a/0.txt", "long\n"},
                                              {"a/0.short.txt", "short"},
                                              {"1.PNG", "PNG"},
                                              {"1.json", R"({"long": ["x", "y"], "short": "z"})"},
                                              {"2.webp", "WEBP"},
                                              {"2.json", R"({"caption": "c", "width": 3})"},
                                              {"3.json", "{NaN"},
                                              {"3.jpeg", "JPEG"},
                                              {"3.txt", "the text wins"}}));
  const auto source = open(shard);
  REQUIRE(source->rows() == 4);
  REQUIRE(source->bad_rows().empty());
  const PairRow first = source->row(0);
  REQUIRE(first.image == "a/0.jpg");
  REQUIRE(first.long_captions == std::vector<std::string>{"long"});
  REQUIRE(first.short_captions == std::vector<std::string>{"short"});
  REQUIRE(first.source == shard.path());
  REQUIRE(source->read_picture(first) == "JPG");
  REQUIRE(source->row(1).long_captions == std::vector<std::string>{"x", "y"});
  REQUIRE(source->row(1).short_captions == std::vector<std::string>{"z"});
  REQUIRE(source->row(2).long_captions == std::vector<std::string>{"c"});
  REQUIRE(source->read_picture(source->row(3)) == "JPEG");
  REQUIRE(source->row(3).long_captions == std::vector<std::string>{"the text wins"});
  REQUIRE(source->row(3).line == 4);
}

TEST_CASE("Webdataset: a sample that cannot be used says why", "[formats][unit]") {
  REQUIRE(verdict_of_sample({{"0.jpg", "x"}, {"0.txt", "y"}}) == "good");
  REQUIRE(verdict_of_sample({{"0.txt", "y"}})
              .starts_with("1: no picture among the members of '0' (.txt); the members of a sample must follow"));
  REQUIRE(verdict_of_sample({{"0.1.jpg", "x"}, {"0.1.txt", "y"}})
              .starts_with("1: no picture among the members of '0' (.1.jpg, .1.txt); a key ends at the first dot"));
  REQUIRE(verdict_of_sample({{"0.jpg", "x"}}).starts_with("1: no long caption: neither 0.txt nor 0.json"));
  REQUIRE(verdict_of_sample({{"0.jpg", ""}, {"0.txt", "y"}}) == "1: 0.jpg is empty");
  REQUIRE(verdict_of_sample({{"0.jpg", "x"}, {"0.txt", "\n"}}) == "1: a long caption is empty");
  REQUIRE(verdict_of_sample({{"0.jpg", "x"}, {"0.txt", "\xFF."}}) == "1: a long caption is not UTF-8");
  REQUIRE(verdict_of_sample({{"0.jpg", "x"}, {"0.json", "[]"}}).starts_with("1: must be an object"));
  REQUIRE(
      verdict_of_sample({{"0.jpg", "x"}, {"0.json", R"({"long": "a", "long": "b"})"}}).find("duplicate key 'long'") !=
      std::string::npos);
  REQUIRE(verdict_of_sample({{"0.jpg", "x"}, {"0.jpg", "x"}, {"0.txt", "y"}}) == "1: two members are called 0.jpg");
  REQUIRE(verdict_of_sample({{"0.jpg", "x"}, {"._0.txt", "y"}, {"__index__", "z"}, {"0.txt", "y"}}) == "good");
}

TEST_CASE("Webdataset: a shard that cannot be read to its end, or has nothing usable, is refused by name",
          "[formats][unit]") {
  const std::string good = tar_of({{"0.jpg", "x"}, {"0.txt", "y"}, {"1.jpg", "x"}, {"1.txt", "y"}});
  REQUIRE_THROWS_WITH(open(test::DataFile("s.tar", good.substr(0, 3000))),
                      ContainsSubstring("s.tar: the archive is cut off"));
  REQUIRE_THROWS_WITH(
      open(test::DataFile("s.tar", tar_of({{"0.jpg", "x"}, {"1.jpg", "x"}}))),
      ContainsSubstring("s.tar: not one of its 2 samples can be used; the first is '0': no long caption"));
  REQUIRE_THROWS_WITH(open(test::DataFile("s.tar", tar_of({{"README", "x"}}))), ContainsSubstring("holds no sample"));
  REQUIRE_THROWS_WITH(open(test::DataFile("s.tar", "")), ContainsSubstring("holds no sample"));
  REQUIRE_THROWS_WITH(open(test::DataFile("s.tar", "\x1F\x8B rest")), ContainsSubstring("run gunzip"));
}

TEST_CASE("Webdataset: archives joined with cat are read to the first end, with a warning that names the fix",
          "[formats][unit]") {
  const std::string one = tar_of({{"0.jpg", "x"}, {"0.txt", "y"}}), two = tar_of({{"1.jpg", "x"}, {"1.txt", "y"}});
  const auto warnings_of = [](const std::string& shard) {
    const Webdataset format;
    IndexBuilder rows(format, shard);
    format.scan(shard, rows);
    return rows.warnings();
  };
  REQUIRE(open(test::DataFile("s.tar", one + two))->rows() == 1);
  REQUIRE(warnings_of(one + std::string(10240, '\0')).empty());
  const std::vector<std::string> warnings = warnings_of(one + two + two);
  REQUIRE(warnings.size() == 1);
  REQUIRE_THAT(warnings[0], ContainsSubstring("ends at byte 2048 of 9216, behind 1 samples") &&
                                ContainsSubstring("tar --concatenate"));
}

TEST_CASE("Webdataset: shards of a pattern are one source, and skip and limit go across them", "[formats][unit]") {
  const test::TemporaryFolder folder;
  for (const std::string shard : {"0", "1", "2"}) {
    test::write_text(
        folder / ("s-" + shard + ".tar"),
        tar_of({{"a.jpg", "p" + shard}, {"a.txt", shard + "a"}, {"b.jpg", "q" + shard}, {"b.txt", shard + "b"}}));
  }
  const auto captions = [&](SourceConfig config) {
    config.format = SourceFormat::kWebdataset;
    const auto source = build_source(config);
    std::string all;
    for (int64_t i = 0; i < source->rows(); ++i)
      all += source->row(i).long_captions[0] + source->read_picture(source->row(i)) + " ";
    return all;
  };
  REQUIRE(captions({.path = folder / "s-{0..2}.tar"}) == "0ap0 0bq0 1ap1 1bq1 2ap2 2bq2 ");
  REQUIRE(captions({.path = folder / "s-*.tar", .limit = 3, .skip = 1}) == "0bq0 1ap1 1bq1 ");
  REQUIRE(captions({.path = folder / "s-{2,0}.tar", .skip = 3}) == "0bq0 ");
  REQUIRE_THROWS_WITH(captions({.path = folder / "s-{0..3}.tar"}), ContainsSubstring("s-3.tar"));
  REQUIRE_THROWS_WITH(captions({.path = folder / "s-*.tar", .skip = 6}), ContainsSubstring("nothing is left"));
  const auto source = build_source({.format = SourceFormat::kWebdataset, .path = folder / "s-*.tar"});
  REQUIRE(source->row(3).source == folder / "s-1.tar");
  REQUIRE(source->row(3).line == 2);
}

TEST_CASE("Webdataset: the shard of a laptop is read as the case says", "[formats][golden]") {
  const auto cases = test::cases_dir();
  if (!cases) return test::say_skipped("a shard of a laptop", "cases/05_tar_dots_pax_mac");
  const auto folder = *cases / "05_tar_dots_pax_mac";
  const Json values = parse_json(test::read_text(folder / "case.json"), "case.json")["expected"]["values"];
  const auto source = build_source({.format = SourceFormat::kWebdataset, .path = folder / "shard-000000.tar"});
  std::vector<std::string> good, bad;
  for (int64_t i = 0; i < source->rows(); ++i) {
    try {
      const PairRow row = source->row(i);
      const size_t slash = row.image.rfind('/') == std::string::npos ? 0 : row.image.rfind('/');
      good.push_back(row.image.substr(0, row.image.find('.', slash + 1)));
      REQUIRE(!source->read_picture(row).empty());
    } catch (const BadRowError& error) {
      bad.push_back(error.row.image);
      REQUIRE_THAT(error.row.reason, ContainsSubstring("2024.01.jpg") && ContainsSubstring("dots"));
    }
  }
  REQUIRE(good == values["good_keys"].get<std::vector<std::string>>());
  REQUIRE(bad == values["not_usable"].get<std::vector<std::string>>());
  REQUIRE(source->row(0).short_captions.size() == 1);
}

}  // namespace longclip
