// tests/data/pair_dataset_test.cpp -- data/pair_dataset.h
#include "data/pair_dataset.h"

#include <map>

#include "base/json.h"
#include "small_data.h"
#include "support/catch.h"

namespace longclip {
namespace {

std::vector<int32_t> ids_of(const std::string& text) {
  return Tokenizer::clip().encode(text, 248, SpecialTokens::kClip).ids;
}

}  // namespace

TEST_CASE("PairDataset: a sample holds the picture and the first captions of its row", "[data][unit]") {
  const test::SmallData data(5);
  const PairDataset dataset(data.config(2), test::small_options());
  const Sample sample = dataset.load(0, 3);
  const int64_t row = dataset.order().at(0, 3).row;
  REQUIRE(sample.id == RowId{0, row});
  REQUIRE(sample.pixels_SS3.size() == 4 * 4 * 3);
  REQUIRE(test::picture_of(sample) == row);
  REQUIRE(sample.pixels_SS3[1] == 100);
  REQUIRE(sample.long_ids == ids_of(fmt::format("picture {}. It is red.", row)));
  REQUIRE(sample.short_ids == ids_of(fmt::format("a {}", row)));
  REQUIRE(sample.skipped.empty());
}

TEST_CASE("PairDataset: the row and the picture's file that a sample was made of are handed out, read once", "[data][unit]") {
  const test::SmallData data(3);
  DataConfig config = data.config(2);
  config.crop_cache = CropCaching::kOn;
  config.train[0].cache_dir = data.path("cache");
  const PairDataset dataset(config, test::small_options());
  SampleOrigin origin;
  dataset.load_row({0, 2}, 0, &origin);
  REQUIRE(origin.row.image == "002.png");
  REQUIRE(origin.encoded == test::read_text(data.path("002.png")));
  dataset.load_row({0, 2}, 0, &origin);
  REQUIRE(origin.row.image == "002.png");
  REQUIRE(origin.encoded.empty());  // its crop came out of the cache
}

TEST_CASE("PairDataset: several sources are one data set, and each keeps its own names, lines and weight",
          "[data][unit]") {
  const test::SmallData first(3), second(4);
  test::write_text(second.path("rows.jsonl"), test::read_text(second.path("rows.jsonl")) + "\n{}\n");
  DataConfig config = first.config(2);
  config.train.push_back(second.config(2).train[0]);
  config.train.back().weight = 2;
  const PairDataset dataset(config, test::small_options());
  REQUIRE(dataset.rows() == 3 + 5);
  REQUIRE(dataset.order().visits() == 3 + 10);
  REQUIRE(dataset.bad_lines().size() == 1);
  REQUIRE(dataset.bad_lines()[0].source == second.path("rows.jsonl").string());
  REQUIRE(dataset.bad_lines()[0].line == 6);
  std::map<RowId, int64_t> times;
  for (int64_t position = 0; position < 13; ++position) ++times[dataset.load(0, position).id];
  for (int64_t row = 0; row < 3; ++row) REQUIRE(times[{0, row}] >= 1);
  for (int64_t row = 0; row < 4; ++row) REQUIRE(times[{1, row}] >= 2);
}

TEST_CASE("PairDataset: sources of several formats are one data set, with the captions of each", "[data][unit]") {
  const test::SmallData data(4);
  test::write_text(data.path("more.csv"), "filepath,title\n002.png,from a table. Red.\n000.png,also. Red.\n");
  DataConfig config = data.config(2);
  config.train[0].limit = 2;
  TrainSourceConfig& table = config.train.emplace_back(config.train[0]);
  table.format = SourceFormat::kCsv;
  table.path = data.path("more.csv");
  table.limit.reset();
  table.weight = 0.5;
  const PairDataset dataset(config, test::small_options());
  REQUIRE(dataset.rows() == 4);
  REQUIRE(dataset.order().visits() == 3);
  const Sample sample = dataset.load_row({1, 0}, 0);
  REQUIRE(test::picture_of(sample) == 2);
  REQUIRE(sample.long_ids == ids_of("from a table. Red."));
  REQUIRE(sample.short_ids == ids_of("from a table"));
  REQUIRE(sample.short_from_long);
  REQUIRE(dataset.load_row({0, 1}, 0).short_ids == ids_of("a 1"));
}

TEST_CASE("PairDataset: captions that no loss needs are not read", "[data][unit]") {
  const test::SmallData data(3);
  DatasetOptions options = test::small_options();
  options.needs_long = false;
  const Sample sample = PairDataset(data.config(2), options).load_row({0, 1}, 0);
  REQUIRE(sample.long_ids.empty());
  REQUIRE(sample.short_ids == ids_of("a 1"));
  options = test::small_options();
  options.needs_short = false;
  REQUIRE(PairDataset(data.config(2), options).load_row({0, 1}, 0).short_ids.empty());
}

TEST_CASE("PairDataset: a bad row is replaced by the next good one of the order, wrapping", "[data][unit]") {
  const std::set<int64_t> broken{0, 1, 2, 4, 5, 6, 7, 9, 11};
  const test::SmallData data(12, broken);
  const PairDataset dataset(data.config(2), test::small_options(9));
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    for (int64_t position = 0; position < 12; ++position) {
      std::vector<int64_t> passed;
      int64_t at = position;
      for (; broken.contains(dataset.order().at(epoch, at).row); ++at)
        passed.push_back(dataset.order().at(epoch, at).row);
      const Sample sample = dataset.load(epoch, position);
      REQUIRE(sample.id == dataset.order().at(epoch, at));
      REQUIRE(test::picture_of(sample) == sample.id.row);
      std::vector<int64_t> skipped;
      for (const BadRow& bad : sample.skipped) skipped.push_back(bad.line - 1);
      REQUIRE(skipped == passed);
    }
  }
}

TEST_CASE("PairDataset: bad lines and pictures stop the run under on_bad_sample: fail, naming file and line",
          "[data][unit]") {
  const test::SmallData data(4, {2});
  DataConfig config = data.config(2);
  config.on_bad_sample = OnBadSample::kFail;
  const PairDataset dataset(config, test::small_options());
  REQUIRE_THROWS_WITH(dataset.load_row({0, 2}, 0), ContainsSubstring("rows.jsonl:3: "));
  const auto visit_all = [&] {
    for (int64_t i = 0; i < 4; ++i) dataset.load(0, i);
  };
  REQUIRE_THROWS_WITH(visit_all(), ContainsSubstring("rows.jsonl:3: "));
  test::write_text(data.path("rows.jsonl"), "{\"image\": \"000.png\", \"long\": \"x\"}\n{\n");
  REQUIRE_THROWS_WITH(PairDataset(config, test::small_options()), ContainsSubstring("rows.jsonl:2: malformed JSON"));
}

TEST_CASE("PairDataset: more bad rows after each other than may be bad in all are an error, not a search",
          "[data][unit]") {
  const test::SmallData data(10, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  DataConfig config = data.config(2);
  REQUIRE_THROWS_WITH(PairDataset(config, test::small_options()).load(0, 0),
                      ContainsSubstring("10 rows after each other"));
  config.max_bad_fraction = 0.2;
  REQUIRE_THROWS_WITH(PairDataset(config, test::small_options()).load(0, 0),
                      ContainsSubstring("3 rows after each other"));
}

TEST_CASE("PairDataset: random captions depend on seed, epoch and row alone, and use all of them", "[data][unit]") {
  const test::SmallData data(40);
  DataConfig config = data.config(2);
  config.long_caption = LongCaption::kRandom;
  config.short_caption = ShortCaption::kRandom;
  const PairDataset dataset(config, test::small_options(1)), again(config, test::small_options(1)),
      other(config, test::small_options(2));
  std::map<std::vector<int32_t>, int64_t> long_choices, short_choices;
  int64_t same_epoch = 0, same_seed = 0;
  for (int64_t row = 39; row >= 0; --row) {
    const Sample sample = dataset.load_row({0, row}, 0);
    const Sample twin = again.load_row({0, row}, 0);
    REQUIRE((twin.long_ids == sample.long_ids && twin.short_ids == sample.short_ids));
    same_epoch += dataset.load_row({0, row}, 1).long_ids == sample.long_ids;
    same_seed += other.load_row({0, row}, 0).long_ids == sample.long_ids;
    for (const std::string& text :
         {fmt::format("picture {}. It is red.", row), fmt::format("one {}", row), fmt::format("two {}", row)}) {
      if (sample.long_ids == ids_of(text)) ++long_choices[ids_of(text.substr(0, 3))];
    }
    ++short_choices[row == 0 || sample.short_ids.size() == ids_of("b").size() ? sample.short_ids : ids_of("a")];
  }
  REQUIRE(long_choices.size() == 3);
  for (const auto& [text, times] : long_choices) REQUIRE(times > 4);  // of 40; 13 expected
  REQUIRE(short_choices.size() >= 3);
  REQUIRE((same_epoch < 30 && same_seed < 30));
}

TEST_CASE("PairDataset: the short caption may be a sentence of the long one, and is when none is given",
          "[data][unit]") {
  const test::SmallData data(2);
  test::write_text(data.path("rows.jsonl"),
                   "{\"image\": \"000.png\", \"long\": \"One\\nline. Two. Three\", \"short\": \"s\"}\n"
                   "{\"image\": \"001.png\", \"long\": \"One. Two\"}\n");
  DataConfig config = data.config(2);
  const Sample without = PairDataset(config, test::small_options()).load_row({0, 1}, 0);
  REQUIRE(without.short_ids == ids_of("One"));
  REQUIRE(without.short_from_long);
  config.short_caption = ShortCaption::kFirstSentence;
  const Sample first = PairDataset(config, test::small_options()).load_row({0, 0}, 0);
  REQUIRE(first.short_ids == ids_of("One line"));
  REQUIRE_FALSE(first.short_from_long);
  config.short_caption = ShortCaption::kRandomSentence;
  const PairDataset dataset(config, test::small_options());
  std::set<std::vector<int32_t>> met;
  for (int64_t epoch = 0; epoch < 40; ++epoch) met.insert(dataset.load_row({0, 0}, epoch).short_ids);
  REQUIRE(met == std::set{ids_of("One line"), ids_of("Two"), ids_of("Three")});
}

TEST_CASE("PairDataset: special tokens, cut captions and captions of nothing are noticed", "[data][unit]") {
  const test::SmallData data(3);
  std::string words;
  for (int i = 0; i < 300; ++i) words += "dog ";
  test::write_text(data.path("rows.jsonl"),
                   "{\"image\": \"000.png\", \"long\": \"" + words +
                       "\", \"short\": \"x\"}\n"
                       "{\"image\": \"001.png\", \"long\": \"a <|endoftext|>\", \"short\": \"" +
                       words +
                       "\"}\n"
                       "{\"image\": \"002.png\", \"long\": \"&nbsp;\"}\n");
  const PairDataset dataset(data.config(2), test::small_options());
  const Sample first = dataset.load_row({0, 0}, 0), second = dataset.load_row({0, 1}, 0);
  REQUIRE((first.long_truncated && !first.short_truncated && !first.holds_special_token));
  REQUIRE(first.long_ids.size() == 248);
  REQUIRE((!second.long_truncated && second.short_truncated && second.holds_special_token));
  REQUIRE_THROWS_WITH(dataset.load_row({0, 2}, 0), ContainsSubstring("rows.jsonl:3: nothing is left"));
}

TEST_CASE("PairDataset: captions at the length limit are counted as the case says", "[data][golden]") {
  const auto cases = test::cases_dir();
  if (!cases) return test::say_skipped("captions at the length limit", "shared/cases");
  const auto folder = *cases / "02_caption_length_limit";
  const Json expected = parse_json(test::read_text(folder / "case.json"), "case.json")["expected"]["values"]["rows"];
  DataConfig config;
  config.train.emplace_back().path = folder / "rows.jsonl";
  config.train.back().images = {folder};
  config.pairs_per_step = 2;
  const PairDataset dataset(config, test::small_options());
  REQUIRE(dataset.rows() == static_cast<int64_t>(expected.size()));
  for (int64_t row = 0; row < dataset.rows(); ++row) {
    const Sample sample = dataset.load_row({0, row}, 0);
    const Json& wanted = expected[static_cast<size_t>(row)];
    INFO("row " << row);
    REQUIRE(sample.long_truncated == wanted["truncated"].get<bool>());
    REQUIRE(static_cast<int64_t>(sample.long_ids.size()) == wanted["n_ids"].get<int64_t>());
    REQUIRE(sample.long_ids.back() == 49407);
  }
}

TEST_CASE("PairDataset: every row of the COCO photographs is good", "[data][golden]") {
  const auto shared = test::data_dir();
  if (!shared) return test::say_skipped("COCO photographs", "shared/data");
  DataConfig config;
  config.train.emplace_back().path = *shared / "coco_val2017_long/triples.jsonl";
  config.train.back().images = {*shared / "coco_val2017_long"};
  config.pairs_per_step = 8;
  config.on_bad_sample = OnBadSample::kFail;
  const PairDataset dataset(config, {.image_size = 224});
  const std::string text = test::read_text(config.train[0].path);
  REQUIRE(dataset.rows() == std::count(text.begin(), text.end(), '\n') + (text.ends_with('\n') ? 0 : 1));
  REQUIRE(dataset.bad_lines().empty());
  for (int64_t row = 0; row < dataset.rows(); ++row) {
    const Sample sample = dataset.load_row({0, row}, 0);
    REQUIRE(sample.pixels_SS3.size() == 224 * 224 * 3);
    REQUIRE((sample.long_ids.size() > 20 && sample.short_ids.size() > 5));
  }
}

}  // namespace longclip
