// data/pair_dataset.cpp -- from a row to a sample: picture, captions by policy, ids; and the next good row.
#include "data/pair_dataset.h"

#include <set>

#include "base/random.h"
#include "text/caption.h"

namespace longclip {
namespace {

/// What a random choice is for, so that the long and the short one of a row are independent.
enum Choice : uint64_t { kChooseLong = 1, kChooseShort = 2 };

/// Start and end alone: nothing of the caption was left by cleaning.
constexpr size_t kIdsOfNothing = 2;

/// An index below `size` that depends on (seed, epoch, row) alone.
size_t choose(size_t size, Choice choice, const RowId& id, uint64_t epoch_key) {
  const uint64_t row_key = mix_keys(epoch_key, static_cast<uint64_t>(id.source), static_cast<uint64_t>(id.row));
  return draw_below(mix_keys(row_key, choice), size);
}

}  // namespace

PairDataset::PairDataset(const DataConfig& config, const DatasetOptions& options) : config_(config), options_(options) {
  std::vector<SourceSize> sizes;
  for (const TrainSourceConfig& entry : config_.train) {
    sources_.push_back(build_source(entry));
    const PairSource& source = *sources_.back();
    if (config_.on_bad_sample == OnBadSample::kFail && !source.bad_rows().empty())
      source.row(source.bad_rows().front());
    sizes.push_back({source.rows(), static_cast<int64_t>(source.bad_rows().size()), entry.weight});
    const bool caches = config_.crop_cache == CropCaching::kOn;
    crops_.push_back(caches ? CropCache::open(entry.cache_dir, entry.path, crop_settings(), source.first_row() + source.rows())
                            : nullptr);
  }
  if (!options_.needs_steps) return;
  order_ = std::make_unique<EpochOrder>(
      std::move(sizes),
      OrderOptions{.seed = options_.seed, .pairs_per_step = config_.pairs_per_step, .drop_last = config_.drop_last});
}

int64_t PairDataset::rows() const {
  int64_t total = 0;
  for (const auto& source : sources_) total += source->rows();
  return total;
}

std::vector<BadRow> PairDataset::bad_lines() const {
  std::vector<BadRow> bad;
  for (const auto& source : sources_) {
    for (const int64_t index : source->bad_rows()) {
      try {
        source->row(index);
      } catch (const BadRowError& error) {
        bad.push_back(error.row);
      }
    }
  }
  return bad;
}

Sample PairDataset::load(int64_t epoch, int64_t position) const {
  const double allowed = config_.max_bad_fraction * static_cast<double>(rows());
  std::vector<BadRow> skipped;
  std::set<RowId> seen;  // a source of weight above 1 comes more than once
  for (int64_t i = 0; i < order_->visits(); ++i) {
    const RowId id = order_->at(epoch, position + i);
    if (seen.contains(id)) continue;
    try {
      Sample sample = load_row(id, epoch);
      sample.skipped = std::move(skipped);
      return sample;
    } catch (const BadRowError& error) {
      if (config_.on_bad_sample == OnBadSample::kFail) throw;
      seen.insert(id);
      skipped.push_back(error.row);
    }
    if (static_cast<double>(skipped.size()) > allowed) break;
  }
  fail<DataError>(
      "{} rows after each other cannot be used, of {} rows of which data.max_bad_fraction = {} may be bad; the last "
      "one is {}:{}: {}",
      skipped.size(), rows(), config_.max_bad_fraction, skipped.back().source, skipped.back().line,
      skipped.back().reason);
}

Sample PairDataset::load_row(const RowId& id, int64_t epoch, SampleOrigin* origin) const {
  const PairSource& source = *sources_.at(static_cast<size_t>(id.source));
  PairRow row = source.row(id.row);
  CropCache* const cache = crops_.at(static_cast<size_t>(id.source)).get();
  const int64_t slot = source.first_row() + id.row;
  // Asked before the picture is read: if the file changes in between, its crop is kept under an identity that is no more.
  const std::string identity = cache != nullptr ? source.picture_identity(id.row, row) : "";
  std::optional<Crop> crop;
  if (!identity.empty()) crop = cache->find(slot, identity);
  std::string encoded = crop ? "" : source.read_picture(row);
  Sample sample;
  sample.id = id;
  BadKind kind = BadKind::kCaption;  // of what fails now
  try {
    read_captions(row, id, epoch, sample);
    kind = BadKind::kBroken;
    if (!crop) {
      crop = make_crop(encoded, crop_settings());
      if (!identity.empty()) cache->store(slot, identity, *crop);
    }
    sample.picture = std::move(crop->picture);
    sample.pixels_SS3 = std::move(crop->pixels_SS3);
  } catch (const DataError& error) {
    throw BadRowError({row.source, row.line, row.image, error.what(), kind});
  }
  if (origin != nullptr) *origin = {std::move(row), std::move(encoded)};
  return sample;
}

CropSettings PairDataset::crop_settings() const {
  return {.image_size = options_.image_size, .decode = config_.decode_options()};
}

void PairDataset::read_captions(const PairRow& row, const RowId& id, int64_t epoch, Sample& sample) const {
  const uint64_t epoch_key = mix_keys(options_.seed, static_cast<uint64_t>(epoch));
  const auto pick = [&](const std::vector<std::string>& captions, bool random, Choice choice) -> const std::string& {
    return captions[random ? choose(captions.size(), choice, id, epoch_key) : 0];
  };
  const std::string long_caption =
      single_line(pick(row.long_captions, config_.long_caption == LongCaption::kRandom, kChooseLong));
  if (options_.needs_long) sample.long_ids = tokenize(long_caption, sample.long_truncated, sample);
  if (!options_.needs_short) return;
  std::string short_caption;
  const bool wants_given =
      config_.short_caption == ShortCaption::kFirst || config_.short_caption == ShortCaption::kRandom;
  if (config_.short_caption == ShortCaption::kRandomSentence) {
    const std::vector<std::string> pieces = sentences(long_caption);
    require<DataError>(!pieces.empty(), "the long caption holds no sentence");
    short_caption = pick(pieces, true, kChooseShort);
  } else if (wants_given && !row.short_captions.empty()) {
    short_caption = single_line(pick(row.short_captions, config_.short_caption == ShortCaption::kRandom, kChooseShort));
  } else {
    short_caption = first_sentence(long_caption);
    sample.short_from_long = wants_given;
  }
  sample.short_ids = tokenize(short_caption, sample.short_truncated, sample);
}

std::vector<int32_t> PairDataset::tokenize(const std::string& caption, bool& truncated, Sample& sample) const {
  const auto special =
      config_.special_tokens_in_text == SpecialTokensInText::kClip ? SpecialTokens::kClip : SpecialTokens::kPlain;
  Tokenized text = Tokenizer::clip().encode(caption, options_.context, special);
  require<DataError>(text.ids.size() > kIdsOfNothing, "nothing is left of the caption '{}' after cleaning", caption);
  truncated = text.truncated;
  sample.holds_special_token |= text.holds_special_token;
  return std::move(text.ids);
}

}  // namespace longclip
