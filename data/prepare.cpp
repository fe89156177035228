// data/prepare.cpp -- the pass of `longclip prepare`.
#include "data/prepare.h"

#include <algorithm>
#include <optional>

#include "base/digest.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/signals.h"
#include "data/ordered_workers.h"

namespace longclip {
namespace {

/// Longer than any caption, so that whole captions are counted.
constexpr int64_t kEveryId = INT64_MAX;
constexpr size_t kExamples = 20;

/// What is kept of a row.
struct RowFacts {
  std::optional<BadRow> bad;
  std::optional<int64_t> long_ids, short_ids;
  bool has_short = false;
  bool holds_special_token = false;
  PictureFacts picture;
  uint64_t picture_hash = 0, caption_hash = 0;
};

RowFacts read_row(const PairDataset& dataset, const RowId& id) {
  RowFacts facts;
  try {
    SampleOrigin origin;
    const Sample sample = dataset.load_row(id, /*epoch=*/0, &origin);
    facts.long_ids = static_cast<int64_t>(sample.long_ids.size());
    facts.short_ids = static_cast<int64_t>(sample.short_ids.size());
    facts.holds_special_token = sample.holds_special_token;
    facts.picture = sample.picture;
    facts.has_short = !origin.row.short_captions.empty();
    facts.caption_hash = sha256_prefix(origin.row.long_captions.front());
    if (origin.encoded.empty()) origin.encoded = dataset.sources()[static_cast<size_t>(id.source)]->read_picture(origin.row);
    facts.picture_hash = sha256_prefix(origin.encoded);
  } catch (const BadRowError& error) {
    facts.bad = error.row;
  }
  return facts;
}

/// Finds equal hashes among those of all good rows.
class RepetitionFinder {
 public:
  void add(uint64_t hash, const RowId& id) { seen_.push_back({hash, id}); }
  Repetitions find(const PairDataset& dataset) {
    std::ranges::sort(seen_);
    std::vector<std::pair<RowId, RowId>> repeated;  // the row, and the earliest one like it
    for (size_t i = 1, first = 0; i < seen_.size(); ++i) {
      if (seen_[i].first != seen_[first].first) first = i;
      else repeated.emplace_back(seen_[i].second, seen_[first].second);
    }
    std::ranges::sort(repeated);
    Repetitions result{.rows = static_cast<int64_t>(repeated.size()), .examples = {}};
    for (size_t i = 0; i < std::min(kExamples, repeated.size()); ++i) {
      result.examples.emplace_back(place_of(repeated[i].second, dataset), place_of(repeated[i].first, dataset));
    }
    return result;
  }

 private:
  static std::string place_of(const RowId& id, const PairDataset& dataset) {
    const PairRow row = dataset.sources()[static_cast<size_t>(id.source)]->row(id.row);
    return fmt::format("{}:{}", row.source, row.line);
  }
  std::vector<std::pair<uint64_t, RowId>> seen_;
};

void add_good(PrepareReport& report, const RowFacts& facts) {
  report.long_ids.add(*facts.long_ids);
  report.short_ids.add(*facts.short_ids);
  report.without_short += facts.has_short ? 0 : 1;
  report.special_tokens += facts.holds_special_token ? 1 : 0;
  const PictureFacts& picture = facts.picture;
  report.grey16 += picture.mode.starts_with("I;16") ? 1 : 0;
  report.widths.add(picture.width);
  report.heights.add(picture.height);
  report.enlarged += std::min(picture.width, picture.height) < report.image_size ? 1 : 0;
  ++report.formats[picture.format];
  ++report.modes[picture.mode];
}

std::vector<RowId> all_rows(const PairDataset& dataset) {
  std::vector<RowId> ids;
  ids.reserve(static_cast<size_t>(dataset.rows()));
  for (size_t source = 0; source < dataset.sources().size(); ++source) {
    for (int64_t row = 0; row < dataset.sources()[source]->rows(); ++row) ids.push_back({static_cast<int64_t>(source), row});
  }
  return ids;
}

/// Returns the bad rows of each source.
std::vector<int64_t> read_all(const PairDataset& dataset, int64_t workers, PrepareReport& report) {
  const std::vector<RowId> ids = all_rows(dataset);
  std::vector<int64_t> bad_rows(dataset.sources().size());
  RepetitionFinder pictures, captions;
  {
    OrderedWorkers<RowFacts> facts_of_rows({.first = 0, .last = report.rows, .window = 16 * workers, .threads = workers},
                                           [&](int64_t i) { return read_row(dataset, ids[static_cast<size_t>(i)]); });
    ProgressBar bar("prepare", report.rows);
    for (int64_t i = 0; i < report.rows; ++i) {
      throw_if_stop_requested();
      const RowFacts facts = facts_of_rows.take();
      bar.update(i + 1, report.bad.empty() ? "" : fmt::format("{} bad", report.bad.size()));
      const RowId& id = ids[static_cast<size_t>(i)];
      if (facts.bad) {
        report.bad.push_back(*facts.bad);
        ++report.bad_kinds[facts.bad->kind];
        ++bad_rows[static_cast<size_t>(id.source)];
        continue;
      }
      add_good(report, facts);
      pictures.add(facts.picture_hash, id);
      captions.add(facts.caption_hash, id);
    }
  }
  report.pictures = pictures.find(dataset);
  report.long_captions = captions.find(dataset);
  return bad_rows;
}

/// Steps of the rows that turned out to be good, by the weights of the sources.
void count_steps(const DataConfig& config, const PairDataset& dataset, const std::vector<int64_t>& bad_rows, PrepareReport& report) {
  std::vector<SourceSize> sizes;
  for (size_t i = 0; i < bad_rows.size(); ++i) {
    sizes.push_back({dataset.sources()[i]->rows(), bad_rows[i], config.train[i].weight});
  }
  try {
    const OrderOptions options{.pairs_per_step = config.pairs_per_step, .drop_last = config.drop_last};
    report.steps_per_epoch = EpochOrder(std::move(sizes), options).steps_per_epoch();
  } catch (const InputError& error) {
    report.no_step = error.what();
  }
}

}  // namespace

PrepareReport prepare_data(const DataConfig& config, const PrepareOptions& options) {
  DataConfig lenient = config;
  lenient.on_bad_sample = OnBadSample::kSkip;  // all of them are wanted, not the first
  const PairDataset dataset(lenient, {.seed = options.seed,
                                      .image_size = options.image_size,
                                      .context = kEveryId,
                                      .needs_steps = false});
  PrepareReport report;
  report.rows = dataset.rows();
  report.context = options.context;
  report.image_size = options.image_size;
  report.pairs_per_step = config.pairs_per_step;
  const std::vector<int64_t> bad_rows = read_all(dataset, options.workers, report);
  if (report.good() > 0) count_steps(config, dataset, bad_rows, report);
  return report;
}

}  // namespace longclip
