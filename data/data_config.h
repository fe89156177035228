#pragma once
// data/data_config.h -- the `data` section: which rows a run reads, how a step is made of them, and what happens to bad ones.

#include "base/config_field.h"
#include "base/source_config.h"
#include "image/decode.h"

namespace longclip {

/// One entry of data.train.
struct TrainSourceConfig : SourceConfig {
  double weight = 1.0;

  bool operator==(const TrainSourceConfig&) const = default;

  template <class Self, class Visitor> static void fields(Self& self, Visitor&& visit) {
    SourceConfig::fields(self, visit);
    visit("weight", self.weight, {"The rows are visited floor(weight x rows) times in all in an epoch."});
  }
  void validate(const RejectField& reject) const {
    SourceConfig::validate(reject);
    if (weight <= 0) reject("weight", "must be greater than 0");
  }
};

enum class LongCaption { kFirst, kRandom };
template <> struct EnumNames<LongCaption> {
  static constexpr std::array kNames{std::pair{LongCaption::kFirst, "first"},
                                     std::pair{LongCaption::kRandom, "random"}};
};

enum class ShortCaption { kFirst, kRandom, kFirstSentence, kRandomSentence };
template <> struct EnumNames<ShortCaption> {
  static constexpr std::array kNames{std::pair{ShortCaption::kFirst, "first"},
                                     std::pair{ShortCaption::kRandom, "random"},
                                     std::pair{ShortCaption::kFirstSentence, "first_sentence"},
                                     std::pair{ShortCaption::kRandomSentence, "random_sentence"}};
};

enum class OnBadSample { kSkip, kFail };
template <> struct EnumNames<OnBadSample> {
  static constexpr std::array kNames{std::pair{OnBadSample::kSkip, "skip"}, std::pair{OnBadSample::kFail, "fail"}};
};

enum class SpecialTokensInText { kClip, kPlain };
template <> struct EnumNames<SpecialTokensInText> {
  static constexpr std::array kNames{std::pair{SpecialTokensInText::kClip, "clip"},
                                     std::pair{SpecialTokensInText::kPlain, "plain"}};
};

enum class CropCaching { kOff, kOn };
template <> struct EnumNames<CropCaching> {
  static constexpr std::array kNames{std::pair{CropCaching::kOff, "off"}, std::pair{CropCaching::kOn, "on"}};
};

enum class ChangedData { kRefuse, kNextEpoch };
template <> struct EnumNames<ChangedData> {
  static constexpr std::array kNames{std::pair{ChangedData::kRefuse, "refuse"},
                                     std::pair{ChangedData::kNextEpoch, "next_epoch"}};
};

template <> struct EnumNames<ExifOrientation> {
  static constexpr std::array kNames{std::pair{ExifOrientation::kIgnore, "ignore"},
                                     std::pair{ExifOrientation::kApply, "apply"}};
};

struct DataConfig {
  std::vector<TrainSourceConfig> train;
  int64_t pairs_per_step = 1024;
  LongCaption long_caption = LongCaption::kFirst;
  ShortCaption short_caption = ShortCaption::kFirst;
  std::optional<int64_t> workers;  ///< empty: as many as fit the machine
  int64_t prefetch_steps = 4;
  OnBadSample on_bad_sample = OnBadSample::kSkip;
  double max_bad_fraction = 0.05;
  int64_t max_image_pixels = 178956970;
  bool load_truncated = false;
  ExifOrientation exif_orientation = ExifOrientation::kIgnore;
  SpecialTokensInText special_tokens_in_text = SpecialTokensInText::kClip;
  bool drop_last = true;
  ChangedData changed = ChangedData::kRefuse;
  CropCaching crop_cache = CropCaching::kOff;
  std::optional<std::filesystem::path> cache_dir;  ///< empty: default_cache_dir()

  bool operator==(const DataConfig&) const = default;

  template <class Self, class Visitor> static void fields(Self& self, Visitor&& visit) {
    visit("train", self.train, {"The sources of training rows, one after the other.", "", kRequired});
    visit("pairs_per_step", self.pairs_per_step,
          {"Pairs (picture and captions) of one optimizer step, over all ranks.",
           "Long-CLIP: 8 GPUs of `--batch-size 128` (its train.md says 2048 in all)"});
    visit(
        "long_caption", self.long_caption,
        {"Which of a row's long captions is used: the `first`, or a `random` one in each epoch.", "Long-CLIP has one"});
    visit("short_caption", self.short_caption,
          {"Which short caption is used: `first` or `random` of the given ones (a row without any: `first_sentence`), "
           "or the "
           "`first_sentence` or a `random_sentence` of the long one, split at \". \".",
           "Long-CLIP sharegpt4v.py takes the first sentence"});
    visit("workers", self.workers,
          {.meaning = "Threads of each rank that decode pictures and tokenise captions; `auto`: the rank's share of "
                      "the processor cores. "
                      "The batches do not depend on it.",
           .flags = kMayChange,
           .empty = "auto"});
    visit("prefetch_steps", self.prefetch_steps, {"Steps that the workers may be ahead of training.", "", kMayChange});
    visit("on_bad_sample", self.on_bad_sample,
          {"`skip`: a row that cannot be used is replaced by the next good one and listed in `bad_samples.jsonl`; "
           "`fail`: the run stops.",
           "", kMayChange});
    visit("max_bad_fraction", self.max_bad_fraction,
          {"The run stops when more than this share of all rows is bad, in [0, 1].", "", kMayChange});
    visit("max_image_pixels", self.max_image_pixels,
          {"Pictures of more pixels are bad.", "Pillow's limit against decompression bombs"});
    visit("load_truncated", self.load_truncated,
          {"Take JPEG and PNG pictures that are cut as far as they go, the rest grey or black, instead of counting them "
           "as bad.",
           "Pillow's LOAD_TRUNCATED_IMAGES"});
    visit("exif_orientation", self.exif_orientation,
          {"`apply`: turn pictures upright as their EXIF or XMP data say; `ignore`: take them as they are stored.",
           "the original preprocessing ignores it"});
    visit("special_tokens_in_text", self.special_tokens_in_text,
          {"What `<|endoftext|>` in a caption becomes. `clip`: the token, as in CLIP, which ends the caption; `plain`: "
           "its characters.",
           "OpenAI CLIP"});
    visit("drop_last", self.drop_last,
          {"Leave out the last rows of an epoch when they do not fill a step; false: fill that step from the start of "
           "the epoch's order.",
           "Long-CLIP train.py"});
    visit("changed", self.changed,
          {"When a resumed run finds other data than it began with. `refuse`: stop; `next_epoch`: go on with the next "
           "epoch.",
           "", kMayChange});
    visit("crop_cache", self.crop_cache,
          {"`on`: the square that the model sees of each picture is kept in `cache_dir`, and later epochs and runs read it "
           "from there instead of decoding the picture. A million squares of 224 pixels are 151 GB. The batches stay the same.",
           "", kMayChange});
    visit("cache_dir", self.cache_dir,
          {.meaning = "Folder of what can be made again from the data: indexes of data files, unpacked files, crops. `auto`: "
                      "`$XDG_CACHE_HOME/longclip`, or `~/.cache/longclip`.",
           .flags = kMayChange,
           .empty = "auto"});
  }

  /// How pictures are read; for training and for every evaluation of the run.
  DecodeOptions decode_options() const {
    return {static_cast<uint64_t>(max_image_pixels), load_truncated, exif_orientation};
  }

  void validate(const RejectField& reject) const {
    if (train.empty()) reject("train", "must hold at least one source");
    if (pairs_per_step < 2) reject("pairs_per_step", "must be at least 2: pairs are told apart from each other");
    if (workers && *workers < 1) reject("workers", "must be at least 1");
    if (prefetch_steps < 1) reject("prefetch_steps", "must be at least 1");
    if (max_bad_fraction < 0 || max_bad_fraction > 1) reject("max_bad_fraction", "must lie between 0 and 1");
    if (max_image_pixels < 1) reject("max_image_pixels", "must be at least 1");
  }
};

}  // namespace longclip
