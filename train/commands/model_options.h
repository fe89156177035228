#pragma once
// train/commands/model_options.h -- what all commands that run a model can be told: the checkpoint, where and how it is
// computed.

#include <CLI/CLI.hpp>

#include "train/encode_features.h"
#include "train/run_config.h"

namespace longclip {

struct ModelOptions {
  std::string checkpoint;
  Precision precision = Precision::kFp32;
  DeviceChoice device = DeviceChoice::kAuto;
  int64_t batch = 64;
  std::optional<int64_t> workers;  ///< empty: one for each processor core
};

/// An option whose values are the words of an enumeration. `value` must outlive the parsing.
template <class E>
void add_enum_option(CLI::App& command, const std::string& name, E& value, const std::string& meaning) {
  std::vector<std::string> words;
  for (const auto& [key, word] : EnumNames<E>::kNames) words.emplace_back(word);
  const auto take = [&value](const std::string& given) {
    for (const auto& [key, word] : EnumNames<E>::kNames) {
      if (word == given) value = key;
    }
  };
  command.add_option_function<std::string>(name, take, meaning)
      ->check(CLI::IsMember(words))
      ->default_str(std::string(enum_name(value)));
}

/// What to do with pictures that are odd or broken, as in the `data` section of a run.
struct PictureOptions {
  bool load_truncated = false, keep_going = false;
  ExifOrientation exif_orientation = ExifOrientation::kIgnore;
};

/// --load-truncated, --exif-orientation, --keep-going.
void add_picture_options(CLI::App& command, PictureOptions& options);

/// CKPT, --precision, --device, --batch, --workers.
void add_model_options(CLI::App& command, ModelOptions& options);

/// The model on its device; what reading it assumed goes to the log. Throws DataError, InputError.
Clip load_model(const ModelOptions& options);

/// How features are computed, with a progress bar on a terminal.
EncodeOptions encode_options(const ModelOptions& options, const PictureOptions& pictures = {});

}  // namespace longclip
