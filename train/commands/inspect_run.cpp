// train/commands/inspect_run.cpp -- a run folder, and the experiment that a run is made of.
#include <algorithm>
#include <iostream>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "checkpoint/checkpoint_folder.h"
#include "data/pair_dataset.h"
#include "train/commands/inspect.h"
#include "train/run_config.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

/// The row that a position is trained with, as far as the lines alone can tell.
RowId row_at(const PairDataset& dataset, const StepPlace& place, int64_t offset) {
  const EpochOrder& order = dataset.order();
  for (int64_t i = 0; i < order.visits(); ++i) {
    const RowId id = order.at(place.epoch, place.position + offset + i);
    if (!std::ranges::binary_search(dataset.sources().at(static_cast<size_t>(id.source))->bad_rows(), id.row))
      return id;
  }
  fail<DataError>("no usable row is among those that epoch {} visits", place.epoch);
}

void print_step(const PairDataset& dataset, int64_t step, bool json) {
  const StepPlace place = dataset.order().place(step);
  Json rows = Json::array();
  std::string text;
  for (int64_t offset = 0; offset < dataset.order().pairs_per_step(); ++offset) {
    const RowId id = row_at(dataset, place, offset);
    rows.push_back({id.source, id.row});
    text += fmt::format(" {}:{}", id.source, id.row);
  }
  if (json) {
    std::cout << to_json_line({{"step", step + 1}, {"rows", rows}}) << '\n';
  } else {
    std::cout << "step " << step + 1 << ", epoch " << place.epoch << ':' << text << '\n';
  }
}

}  // namespace

void inspect_experiment(const InspectOptions& options) {
  const RunConfig config = load_run_config(options.path);
  if (!options.order) {
    require<InputError>(!options.json, "{}: --json needs --order N for an experiment; its keys are printed as YAML",
                        options.path);
    std::cout << dump_config(config) << std::flush;
    return;
  }
  DatasetOptions dataset_options;
  dataset_options.seed = static_cast<uint64_t>(config.run.seed);
  DataConfig data = config.data;
  data.crop_cache = CropCaching::kOff;  // no picture is read
  const PairDataset dataset(data, dataset_options);
  const int64_t total = config.schedule.steps.value_or(config.schedule.epochs * dataset.order().steps_per_epoch());
  if (*options.order > total) log_warning("the run has {} steps, not {}", total, *options.order);
  for (int64_t step = 0; step < std::min(total, *options.order); ++step) print_step(dataset, step, options.json);
  std::cout << std::flush;
}

void inspect_run_folder(const InspectOptions& options) {
  const fs::path folder = options.path;
  const std::vector<fs::path> checkpoints = list_checkpoints(folder);
  Json json = {{"kind", "run"}, {"config", (folder / "config.yaml").string()}, {"checkpoints", Json::array()}};
  for (const fs::path& checkpoint : checkpoints) json["checkpoints"].push_back(checkpoint.string());
  if (!checkpoints.empty()) {
    const fs::path file = checkpoints.back() / "state.json";
    const RunState state = run_state_from_json(parse_json(read_file(file, 16 << 20), file.string()), file.string());
    json["latest"] = checkpoints.back().string();
    if (const auto best = best_checkpoint(folder)) json["best"] = best->string();
    json["step"] = state.step;
    json["state"] = to_json(state);
  }
  if (options.json) {
    std::cout << to_json_line(json) << std::endl;
    return;
  }
  std::cout << options.path << ": a run; its experiment: " << json["config"].get<std::string>() << '\n';
  if (checkpoints.empty()) std::cout << "no checkpoint yet\n";
  for (const fs::path& checkpoint : checkpoints) std::cout << "  " << checkpoint.string() << '\n';
  if (json.contains("best")) std::cout << "the best: " << json["best"].get<std::string>() << '\n';
  if (json.contains("state")) {
    std::cout << "the newest:\n";
    for (const auto& [key, value] : json["state"].items()) std::cout << fmt::format("  {:<24}{}\n", key, value.dump());
  }
  std::cout << std::flush;
}

}  // namespace longclip
