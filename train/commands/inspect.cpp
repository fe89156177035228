// train/commands/inspect.cpp -- longclip inspect PATH: finds out what it is and tells what it holds.
#include "train/commands/inspect.h"

#include <CLI/CLI.hpp>

#include <array>
#include <fstream>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "data/data_config.h"
#include "image/decode.h"
#include "image/picture_names.h"
#include "model/clip_file.h"
#include "train/commands/commands.h"
#include "train/commands/model_options.h"
#include "train/commands/read_hints_options.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

enum class Kind { kTensors, kRunFolder, kExperiment, kPicture, kShard };

Kind kind_of_folder(const fs::path& path) {
  const bool is_run = fs::is_directory(path / "checkpoints") || fs::exists(path / "metrics.jsonl");
  if (is_run) return Kind::kRunFolder;
  const bool is_checkpoint = fs::exists(path / kArchitectureFile) || fs::exists(path / "config.json") ||
                             fs::exists(path / "open_clip_config.json") || fs::exists(path / "model_index.json");
  require<InputError>(
      is_checkpoint,
      "{}: not recognised. A folder must be a checkpoint (with model.json, Hugging Face's config.json or open_clip_config.json) or "
      "a run (with checkpoints or metrics.jsonl)",
      path.string());
  return Kind::kTensors;
}

/// A name that promises a kind is believed, so that a damaged file is called damaged; others go by their first bytes.
Kind kind_of_file(const fs::path& path) {
  const std::string extension = lower_case(path.extension().string());
  if (extension == ".yaml" || extension == ".yml") return Kind::kExperiment;
  if (extension == ".tar") return Kind::kShard;
  if (path.filename().string().ends_with(".index.json")) return Kind::kTensors;
  for (const char* known : {".safetensors", ".pt", ".pth", ".bin", ".ckpt"}) {
    if (extension == known) return Kind::kTensors;
  }
  if (is_picture_name(path.filename().string())) return Kind::kPicture;
  std::array<char, 16> bytes{};
  std::ifstream(path, std::ios::binary).read(bytes.data(), bytes.size());
  const std::string_view start(bytes.data(), bytes.size());
  if (is_picture_start({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()})) return Kind::kPicture;
  const bool is_tensors = start.starts_with("PK") || start.starts_with('\x80') || start[8] == '{';
  require<InputError>(
      is_tensors,
      "{}: not recognised. Known are tensor files (.safetensors, .pt) and their indices (.index.json), checkpoint folders, run folders, "
      "pictures, experiments (.yaml), shards (.tar) and data sets (FORMAT:PATH)",
      path.string());
  return Kind::kTensors;
}

constexpr const char* kPictureOptions = "--size, --load-truncated and --exif-orientation";

bool has_picture_options(const InspectOptions& options) {
  return options.size || options.decode.load_truncated || options.decode.exif_orientation != ExifOrientation::kIgnore;
}

int inspect(const InspectOptions& options) {
  const fs::path path = options.path;
  if (!fs::exists(path) && is_data_spec(options.path)) {
    require<InputError>(!options.order && !has_picture_options(options), "--order, {} are not for data sets", kPictureOptions);
    inspect_data(options, options.path);
    return kExitDone;
  }
  require<InputError>(fs::exists(path), "{}: no such file or folder", options.path);
  const Kind kind = fs::is_directory(path) ? kind_of_folder(path) : kind_of_file(path);
  require<InputError>(!options.order || kind == Kind::kExperiment, "--order is for experiments (.yaml), not for {}",
                      options.path);
  require<InputError>(kind == Kind::kPicture || !has_picture_options(options), "{} are for pictures, not for {}", kPictureOptions, options.path);
  switch (kind) {
    case Kind::kTensors: inspect_tensors(options); break;
    case Kind::kRunFolder: inspect_run_folder(options); break;
    case Kind::kExperiment: inspect_experiment(options); break;
    case Kind::kPicture: inspect_picture(options); break;
    case Kind::kShard: inspect_data(options, to_json_line({{"format", "webdataset"}, {"path", options.path}})); break;
  }
  return kExitDone;
}

/// One after the other; what cannot be inspected among several is logged.
int inspect_all(const std::vector<std::string>& paths, InspectOptions options) {
  int exit_code = kExitDone;
  for (const std::string& path : paths) {
    options.path = path;
    try {
      inspect(options);
    } catch (const InputError& error) {
      if (paths.size() == 1) throw;
      log_error("{}", error.what());
      exit_code = kExitBadInput;
    }
  }
  return exit_code;
}

}  // namespace

void add_inspect_command(CLI::App& app, Run& run) {
  auto options = std::make_shared<InspectOptions>();
  auto paths = std::make_shared<std::vector<std::string>>();
  CLI::App* command = app.add_subcommand("inspect", "Tell what a checkpoint, run folder, experiment, data set or picture holds");
  command
      ->add_option("PATH", *paths,
                   "A checkpoint or tensor file, a run folder, a picture, an experiment (.yaml), or a data set as for --data of eval: FORMAT:PATH[,KEY=VALUE]... Several are told one after the other; the exit code is 2 if one cannot be")
      ->required();
  command->add_flag("--json", options->json, "Print JSON");
  command->add_option("--size", options->size, "Pictures: side of the square that the model sees [224]")
      ->check(CLI::Range(1, 16384));
  add_decode_options(*command, options->decode);
  command->add_option("--order", options->order, "Experiments: [source, row] of each pair of the first N steps")
      ->check(CLI::Range(int64_t{1}, INT64_MAX));
  add_hint_options(*command, options->hints);
  command->footer(
      "Nothing in the files is executed. sha256 of a floating-point tensor is that of its values as float32, so it\n"
      "is the same in every file format; of another tensor, that of its bytes.\n"
      "Examples:\n  longclip inspect ViT-B-16.pt\n  longclip inspect hf_model --json | jq .position_table\n  longclip inspect photos/*.jpg --json");
  command->callback([options, paths, &run] { run = [options, paths] { return inspect_all(*paths, *options); }; });
}

}  // namespace longclip
