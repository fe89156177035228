// data/formats/build_source.cpp -- the list of formats, and opening the files of each.
#include "data/formats/coco.h"
#include "data/formats/csv.h"
#include "data/formats/flickr.h"
#include "data/formats/index_cache.h"
#include "data/formats/indexed_source.h"
#include "data/formats/path_pattern.h"
#include "data/formats/sharegpt4v.h"
#include "data/formats/triples.h"
#include "data/formats/urban1k.h"
#include "data/formats/webdataset.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

/// Upstream keeps the first rows of its file for validation (sharegpt4v.py: total_len = 1000).
constexpr int64_t kValidationRows = 1000;

RowRange range_of(const SourceConfig& config) {
  RowRange range;
  const bool has_ranges = config.format == SourceFormat::kSharegpt4v && config.split;
  if (has_ranges && *config.split == "val") range.count = kValidationRows;
  if (has_ranges && *config.split == "train") range.first = kValidationRows;
  require<InputError>(config.skip < range.count, "{}: skip = {} leaves nothing of the {} rows of split: val",
                      config.path.string(), config.skip, kValidationRows);
  range.first += config.skip;
  if (range.count != INT64_MAX) range.count -= config.skip;
  range.count = std::min(range.count, config.limit.value_or(INT64_MAX));
  return range;
}

std::unique_ptr<RowFormat> build_format(const SourceConfig& config) {
  switch (config.format) {
    case SourceFormat::kTriples: return std::make_unique<Triples>();
    case SourceFormat::kSharegpt4v: return std::make_unique<Sharegpt4v>();
    case SourceFormat::kWebdataset: return std::make_unique<Webdataset>();
    case SourceFormat::kCsv:
      return std::make_unique<Csv>(
          CsvOptions{config.separator, config.image_column, config.long_column, config.short_column});
    case SourceFormat::kUrban1k: return std::make_unique<Triples>();  // the rows that scan_urban1k() composes
    case SourceFormat::kCoco: return std::make_unique<Coco>();
    case SourceFormat::kFlickr: break;
  }
  return std::make_unique<Flickr>(config.path, config.split.value_or(""));
}

SourcePart open_part(const fs::path& file, RowFormat& format, const SourceConfig& config) {
  const fs::path plain = plain_file_of(file, config.cache_dir);
  auto mapped = std::make_unique<MappedFile>(plain);
  try {
    format.open(mapped->text());
  } catch (const DataError& error) {
    fail<DataError>("{}: {}", file.string(), error.what());
  }
  SampleIndex index = open_index(plain, *mapped, format, config.cache_dir);
  mapped->release_pages();  // the pass over the file touched all of it
  return {file.string(), std::move(mapped), std::move(index)};
}

void refuse_compressed_shard(const fs::path& shard) {
  require<InputError>(!is_gzip(shard),
                      "{0}: is compressed, so its pictures cannot be read in any order; run gunzip {0} (pictures "
                      "are compressed already, so it hardly grows)",
                      shard.string());
}

/// A shard in which nothing can be used is not what it was taken for.
void check_shard(const SourcePart& shard) {
  const auto bad = shard.index.bad_rows().size();
  if (shard.index.rows() > static_cast<int64_t>(bad)) return;
  require<DataError>(bad > 0, "{}: holds no sample", shard.name);
  const BadRow first = shard.index.bad_row(0);
  fail<DataError>("{}: not one of its {} samples can be used; the first is '{}': {}", shard.name, bad, first.image,
                  first.reason);
}

std::vector<SourcePart> open_parts(RowFormat& format, const SourceConfig& config) {
  std::vector<SourcePart> parts;
  if (config.format == SourceFormat::kUrban1k) {
    IndexBuilder builder(format, {});
    scan_urban1k(config.path, builder);
    const IndexKey key;  // never written: the time of a folder does not tell whether a caption in it changed
    parts.push_back({config.path.string(), nullptr, SampleIndex(builder.finish(key), key, 0)});
  } else if (config.format == SourceFormat::kWebdataset) {
    for (const fs::path& shard : expand_pattern(config.path)) {
      refuse_compressed_shard(shard);
      parts.push_back(open_part(shard, format, config));
      check_shard(parts.back());
    }
  } else {
    parts.push_back(open_part(config.path, format, config));
  }
  return parts;
}

}  // namespace

std::unique_ptr<PairSource> build_source(const SourceConfig& config) {
  auto format = build_format(config);
  auto parts = open_parts(*format, config);
  const bool is_urban1k = config.format == SourceFormat::kUrban1k;
  return std::make_unique<IndexedSource>(
      IndexedSource::Contents{.name = config.path.string(),
                              .format = std::move(format),
                              .parts = std::move(parts),
                              .image_folders = is_urban1k ? std::vector{config.path} : config.images,
                              .range = range_of(config)});
}

}  // namespace longclip
