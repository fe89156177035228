#pragma once
// train/commands/inspect.h -- what `longclip inspect` tells of each kind of thing; every function prints to stdout.
// Nothing of the files is executed: pickles are read as data (tensors/pickle.h).

#include <cstdint>
#include <optional>
#include <string>

#include "image/decode.h"
#include "model/clip_file.h"

namespace longclip {

struct InspectOptions {
  std::string path;
  bool json = false;
  std::optional<int64_t> size;   ///< pictures: side of the crop
  DecodeOptions decode;          ///< pictures: how they are read
  std::optional<int64_t> order;  ///< experiments: how many steps
  ReadHints hints;               ///< checkpoints: what the file does not say
};

/// A checkpoint of any format, as read_checkpoint() sees it: OpenAI's names, float32, and whether its text positions were
/// stretched and trained. A tensor file that holds no complete CLIP or text encoder is listed as it is, with the reason.
void inspect_tensors(const InspectOptions& options);

/// Its checkpoints, and the state of the newest.
void inspect_run_folder(const InspectOptions& options);

/// An experiment: every key with its value as YAML; with `order` the rows of its first steps, one step a line. `step`
/// is counted as in metrics.jsonl, from 1; a row is [source, row], both from 0. A row whose line cannot be used is
/// replaced by the next good one, as in training; pictures are not looked at.
void inspect_experiment(const InspectOptions& options);

/// True for FORMAT:PATH... and {format: ...}.
bool is_data_spec(const std::string& text);
/// A data set: its rows, the bad ones with their reasons, and the first good ones. Pictures are not looked at.
void inspect_data(const InspectOptions& options, const std::string& spec);

/// Size, mode and the square that the model sees.
void inspect_picture(const InspectOptions& options);

}  // namespace longclip
