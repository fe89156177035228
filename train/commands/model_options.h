#pragma once
// train/commands/model_options.h -- what all commands that run a model can be told: the checkpoint, where and how it is
// computed.

#include <CLI/CLI.hpp>

#include "train/commands/read_hints_options.h"
#include "train/encode_features.h"
#include "train/run_config.h"

namespace longclip {

struct ModelOptions {
  std::string checkpoint;
  ReadHints hints;
  Precision precision = Precision::kFp32;
  DeviceChoice device = DeviceChoice::kAuto;
  int64_t batch = 64;
  std::optional<int64_t> workers;  ///< empty: one for each processor core
};

/// What to do with pictures that are odd or broken, as in the `data` section of a run.
struct PictureOptions {
  DecodeOptions decode = {};
  bool keep_going = false;

  void apply_to(EncodeOptions& options) const;
};

/// --load-truncated, --exif-orientation.
void add_decode_options(CLI::App& command, DecodeOptions& options);
/// Both, and --keep-going.
void add_picture_options(CLI::App& command, PictureOptions& options);

/// --precision, --device, --batch, --workers, and those of add_hint_options().
void add_compute_options(CLI::App& command, ModelOptions& options);
/// CKPT and all of them.
void add_model_options(CLI::App& command, ModelOptions& options);

/// The model on its device (with several ranks, that of this local rank); what reading it assumed goes to the log. Throws
/// DataError, InputError.
Clip load_model(const ModelOptions& options, int64_t local_rank = 0);

/// How features are computed, with a progress bar on a terminal.
EncodeOptions encode_options(const ModelOptions& options);

}  // namespace longclip
