// tests/data/formats/indexed_source_test.cpp -- data/formats/indexed_source.h, and what all formats have in common
#include "data/formats/indexed_source.h"

#include <zlib.h>

#include <atomic>
#include <functional>
#include <thread>

#include "base/json.h"
#include "base/random.h"
#include "opened.h"
#include "support/catch.h"
#include "tar_writer.h"

namespace longclip {
namespace {

struct Triple {
  std::string image, caption, brief;
};

/// Rows with awkward texts that every format can hold on one line of Urban1k: no line breaks, no white space at the ends.
std::vector<Triple> random_rows(uint64_t seed) {
  const std::vector<std::string> pieces = {
      "a",   "\"", ",", ";", "'",  "\xC3\xA9", "\xE5\x9B\xBE", "\xF0\x9F\x90\xB6", " ", ". ", "\\",
      "\\n", "NA", "{", "]", "#0", "<tab>",    "</s>"};
  std::vector<Triple> rows;
  for (uint64_t i = 0; i < 1 + draw_below(mix_keys(seed), 12); ++i) {
    const auto text = [&](uint64_t salt) {
      std::string made = "x";
      for (uint64_t k = 0; k < draw_below(mix_keys(seed, i, salt), 20); ++k)
        made += pieces[draw_below(mix_keys(seed, i, salt * 100 + k), pieces.size())];
      return made + "y";
    };
    rows.push_back({fmt::format("{}.jpg", i + 1), text(1), text(2)});
  }
  return rows;
}

std::string csv_field(const std::string& text) {
  std::string field = "\"";
  for (const char c : text) field += c == '"' ? "\"\"" : std::string(1, c);
  return field + "\"";
}

std::string json_text(const std::string& text) { return to_json_line(Json(text)); }

/// Writes the rows in a format and tells its config.
using Writer = std::function<SourceConfig(const std::vector<Triple>&, const std::filesystem::path&)>;

SourceConfig write_triples(const std::vector<Triple>& rows, const std::filesystem::path& folder) {
  std::string text;
  for (const Triple& row : rows)
    text += fmt::format(R"({{"image": {}, "long": {}, "short": {}}})", json_text(row.image), json_text(row.caption),
                        json_text(row.brief)) +
            "\n";
  test::write_text(folder / "t.jsonl", text);
  return {.path = folder / "t.jsonl"};
}

SourceConfig write_sharegpt4v(const std::vector<Triple>& rows, const std::filesystem::path& folder) {
  std::string text;
  for (const Triple& row : rows)
    text += fmt::format(R"({}{{"conversations": [0, {{"value": {}}}], "image": {}}})", text.empty() ? "[" : ", ",
                        json_text(row.caption), json_text(row.image));
  test::write_text(folder / "s.json", text + "]");
  return {.format = SourceFormat::kSharegpt4v, .path = folder / "s.json"};
}

SourceConfig write_csv(const std::vector<Triple>& rows, const std::filesystem::path& folder) {
  std::string text = "title,short,filepath\n";
  for (const Triple& row : rows) text += csv_field(row.caption) + "," + csv_field(row.brief) + "," + row.image + "\r\n";
  test::write_text(folder / "c.csv", text);
  return {.format = SourceFormat::kCsv, .path = folder / "c.csv", .short_column = "short"};
}

SourceConfig write_shard(const std::vector<Triple>& rows, const std::filesystem::path& folder) {
  std::vector<test::TarEntry> members;
  for (const Triple& row : rows) {
    const std::string key = row.image.substr(0, row.image.find('.'));
    members.push_back({row.image, "picture " + row.image});
    members.push_back({key + ".txt", row.caption});
    members.push_back({key + ".short.txt", row.brief});
  }
  test::write_text(folder / "w.tar", test::tar_of(members));
  return {.format = SourceFormat::kWebdataset, .path = folder / "w.tar"};
}

SourceConfig write_urban1k(const std::vector<Triple>& rows, const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder / "image");
  std::filesystem::create_directories(folder / "caption");
  for (const Triple& row : rows) {
    test::write_text(folder / "image" / row.image, "picture " + row.image);
    test::write_text(folder / "caption" / (row.image.substr(0, row.image.find('.')) + ".txt"), row.caption);
  }
  return {.format = SourceFormat::kUrban1k, .path = folder};
}

SourceConfig write_coco(const std::vector<Triple>& rows, const std::filesystem::path& folder) {
  std::string images, annotations;
  for (size_t i = 0; i < rows.size(); ++i) {
    images += fmt::format(R"({}{{"id": {}, "file_name": {}}})", i == 0 ? "" : ", ", i, json_text(rows[i].image));
    annotations +=
        fmt::format(R"({}{{"image_id": {}, "caption": {}}})", i == 0 ? "" : ", ", i, json_text(rows[i].caption));
  }
  test::write_text(folder / "coco.json", "{\"annotations\": [" + annotations + "], \"images\": [" + images + "]}");
  return {.format = SourceFormat::kCoco, .path = folder / "coco.json"};
}

SourceConfig write_karpathy(const std::vector<Triple>& rows, const std::filesystem::path& folder) {
  std::string text;
  for (const Triple& row : rows)
    text += fmt::format(R"({}{{"filename": {}, "sentences": [{{"raw": {}}}]}})", text.empty() ? "" : ", ",
                        json_text(row.image), json_text(row.caption));
  test::write_text(folder / "k.json", "{\"images\": [" + text + "]}");
  return {.format = SourceFormat::kFlickr, .path = folder / "k.json"};
}

SourceConfig write_tokens(const std::vector<Triple>& rows, const std::filesystem::path& folder) {
  std::string text;
  for (const Triple& row : rows) text += row.image + "#0\t" + row.caption + "\n";
  test::write_text(folder / "f.token", text);
  return {.format = SourceFormat::kFlickr, .path = folder / "f.token"};
}

/// Puts NAME.gz in the place of the file.
void compress(SourceConfig& config) {
  const std::string text = test::read_text(config.path);
  std::filesystem::remove(config.path);
  config.path += ".gz";
  gzFile file = gzopen(config.path.c_str(), "wb");
  REQUIRE(gzwrite(file, text.data(), static_cast<unsigned>(text.size())) == static_cast<int>(text.size()));
  REQUIRE(gzclose(file) == Z_OK);
}

const std::string kRow = "{\"image\": \"a.png\", \"long\": \"x\"}\n";

}  // namespace

TEST_CASE("PairSource: the same rows are the same in every format", "[formats][unit]") {
  const std::vector<std::pair<Writer, bool>> writers = {
      {write_triples, true},  {write_csv, true},   {write_shard, true},  {write_sharegpt4v, false},
      {write_urban1k, false}, {write_coco, false}, {write_tokens, false}};
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const std::vector<Triple> rows = random_rows(seed);
    for (const auto& [write, has_short] : writers) {
      const test::TemporaryFolder folder;
      SourceConfig config = write(rows, folder.path());
      CAPTURE(seed, enum_name(config.format));
      config.cache_dir = folder / "cache";
      for (const int pass : {1, 2}) {  // without and with an index
        CAPTURE(pass);
        const auto source = build_source(config);
        REQUIRE(source->rows() == std::ssize(rows));
        for (int64_t i = 0; i < source->rows(); ++i) {
          const PairRow row = source->row(i);
          const Triple& wanted = rows[static_cast<size_t>(i)];
          REQUIRE(std::filesystem::path(row.image).filename() == wanted.image);
          REQUIRE(row.long_captions == std::vector<std::string>{wanted.caption});
          if (has_short) REQUIRE(row.short_captions == std::vector<std::string>{wanted.brief});
        }
      }
    }
  }
}

TEST_CASE("PairSource: a file of any text format may be compressed", "[formats][unit]") {
  const std::vector<Triple> rows = random_rows(3);
  for (const Writer& write : {Writer(write_triples), Writer(write_csv), Writer(write_sharegpt4v), Writer(write_coco),
                              Writer(write_tokens), Writer(write_karpathy)}) {
    const test::TemporaryFolder folder;
    SourceConfig config = write(rows, folder.path());
    CAPTURE(config.path);
    const std::string fingerprint = build_source(config)->fingerprint();
    config.cache_dir = folder / "cache";
    compress(config);
    for (const int pass : {1, 2}) {  // unpacked now, and unpacked before
      CAPTURE(pass);
      const auto source = build_source(config);
      REQUIRE(source->rows() == std::ssize(rows));
      REQUIRE(source->fingerprint() == fingerprint);
      REQUIRE(source->row(0).source == config.path);
      REQUIRE(source->row(0).long_captions == std::vector<std::string>{rows[0].caption});
    }
  }
}

TEST_CASE("PairSource: many threads read the rows of one source", "[formats][unit]") {
  const test::TemporaryFolder folder;
  std::vector<Triple> rows;
  for (int i = 0; i < 500; ++i)
    rows.push_back({fmt::format("{}.jpg", i), fmt::format("long {}", i), fmt::format("short {}", i)});
  for (const Writer& write : {Writer(write_triples), Writer(write_csv), Writer(write_shard), Writer(write_coco)}) {
    const auto source = build_source(write(rows, folder.path()));
    std::atomic<int> right = 0;
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < 500; ++i) {
          const auto index = static_cast<int64_t>((i * 7 + thread * 125) % 500);
          right += source->row(index).long_captions[0] == rows[static_cast<size_t>(index)].caption ? 1 : 0;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    REQUIRE(right == 2000);
  }
}

TEST_CASE("PairSource: skip and limit choose rows, and bad ones keep their lines", "[formats][unit]") {
  const test::DataFile file("rows.jsonl", kRow + "{}\n\n" + kRow + "[]\n" + kRow);
  const auto source = file.open({.limit = 3, .skip = 1});
  REQUIRE(source->rows() == 3);
  REQUIRE(source->bad_rows() == std::vector<int64_t>{0, 2});
  REQUIRE(source->row(1).line == 4);
  REQUIRE(test::verdict_of(*source, 2).starts_with("5: must be an object"));
  REQUIRE(source->fingerprint() ==
          test::DataFile("r.jsonl", "{}\n" + kRow + "[]\n").open(SourceFormat::kTriples)->fingerprint());
  REQUIRE_THROWS_WITH(file.open({.skip = 5}), ContainsSubstring("has 5 rows; nothing is left behind the first 5"));
}

TEST_CASE("PairSource: the first image folder that holds the picture counts", "[formats][unit]") {
  const test::DataFile file(
      "rows.jsonl", kRow + "{\"image\": \"b.png\", \"long\": \"x\"}\n{\"image\": \"c.png\", \"long\": \"x\"}\n");
  for (const std::string name : {"one/a.png", "two/a.png", "two/b.png"}) {
    std::filesystem::create_directories((file.folder() / name).parent_path());
    test::write_text(file.folder() / name, name);
  }
  const auto source = build_source({.path = file.path(), .images = {file.folder() / "one", file.folder() / "two"}});
  REQUIRE(source->read_picture(source->row(0)) == "one/a.png");
  REQUIRE(source->read_picture(source->row(1)) == "two/b.png");
  REQUIRE_THROWS_WITH(source->read_picture(source->row(2)),
                      ContainsSubstring("rows.jsonl:3: no such file: ") && ContainsSubstring("one/c.png"));
}

TEST_CASE("PairSource: a bad row says what of it is bad", "[formats][unit]") {
  const test::DataFile file("rows.jsonl", "{}\n{\"image\": \"a.png\"}\n{\"image\": \"a.png\", \"long\": \" \"}\n" +
                                              kRow + "{\"image\": \"folder\", \"long\": \"x\"}\n");
  std::filesystem::create_directory(file.folder() / "folder");
  const auto source = file.open(SourceFormat::kTriples);
  const auto kind_of_row = [&](int64_t row) {
    try {
      source->read_picture(source->row(row));
    } catch (const BadRowError& error) {
      return std::string(enum_name(error.row.kind));
    }
    return std::string("good");
  };
  const std::vector<std::string> wanted = {"row", "caption", "caption", "missing", "broken"};
  for (size_t row = 0; row < wanted.size(); ++row) REQUIRE(kind_of_row(static_cast<int64_t>(row)) == wanted[row]);
}

TEST_CASE("PairSource: a picture that comes and goes has an identity or none, and is never an error",
          "[formats][unit]") {
  const test::DataFile file("rows.jsonl", kRow);
  const auto source = file.open(SourceFormat::kTriples);
  const PairRow row = source->row(0);
  REQUIRE(source->picture_identity(0, row).empty());
  std::atomic<bool> done = false;
  std::thread other([&] {
    while (!done) {
      test::write_text(file.folder() / "a.png", "picture");
      std::filesystem::remove(file.folder() / "a.png");
    }
  });
  for (int i = 0; i < 5000; ++i) CHECK_NOTHROW(source->picture_identity(0, row));
  done = true;
  other.join();
}

TEST_CASE("PairSource: a file that is overwritten while it is open does not give other rows silently",
          "[formats][unit]") {
  const test::DataFile file("rows.jsonl", kRow + kRow);
  const auto source = file.open(SourceFormat::kTriples);
  std::string other = kRow + kRow;
  other[other.size() - 4] = 'y';  // in the second caption; same size, same file
  test::write_text(file.path(), other);
  REQUIRE(source->row(0).image == "a.png");
  REQUIRE_THROWS_WITH(source->row(1), ContainsSubstring("rows.jsonl:2: the file was changed while it is being used"));
}

}  // namespace longclip
