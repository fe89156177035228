// train/commands/prepare.cpp -- longclip prepare CONFIG: every row and picture of the training data is read once, judged and
// counted, and the caches are filled.
#include "data/prepare.h"

#include <CLI/CLI.hpp>

#include <iostream>

#include "base/cores.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "model/clip_file.h"
#include "train/commands/commands.h"
#include "train/evaluation_sets.h"
#include "train/run_config.h"

namespace longclip {
namespace {

struct PrepareCommand {
  std::string config, out;
  std::vector<std::string> overrides;
  std::optional<int64_t> workers, size, context;
  bool json = false, overwrite = false;
};

/// Sizes of the model that will be trained, as far as they are not given: those of model.init, else those of Long-CLIP's ViT-B.
PrepareOptions options_of(const PrepareCommand& command, const RunConfig& config) {
  PrepareOptions options;
  options.seed = static_cast<uint64_t>(config.run.seed);
  options.workers = command.workers.value_or(config.data.workers.value_or(cores_for_each()));
  const bool is_given = command.size && command.context;
  if (!is_given && !config.model.init.empty() && std::filesystem::exists(config.model.init)) {
    const auto read = read_architecture(config.model.init, {.architecture = config.model.hints(), .entry = {}});
    require<InputError>(std::holds_alternative<Architecture>(read), "model.init: {} is a text encoder alone, without the image tower",
                        config.model.init.string());
    const auto& architecture = std::get<Architecture>(read);
    options.image_size = architecture.image_size;
    options.context = architecture.context_length;
  } else if (!is_given) {
    log_info("no model.init is there, so pictures of {} pixels and {} ids are assumed (--size, --context)", command.size.value_or(options.image_size),
             command.context.value_or(options.context));
  }
  options.image_size = command.size.value_or(options.image_size);
  options.context = command.context.value_or(options.context);
  return options;
}

/// The sets that the run would measure on; throws as training would before its first step.
void check_evaluation(const EvalConfig& config) {
  for (const EvaluationSet& set : open_evaluation_sets(config)) {
    log_info("{}: {} pictures{}", set.key, set.pictures, set.bad_rows > 0 ? fmt::format("; {} rows cannot be used", set.bad_rows) : "");
  }
}

/// Whether training would stop, too.
void check_usable(const PrepareReport& report, const DataExperiment& experiment) {
  const DataConfig& config = experiment.config.data;
  const size_t bad = report.bad.size();
  require<DataError>(report.good() > 0, "not one of the {} rows can be used", report.rows);
  require<DataError>(bad == 0 || config.on_bad_sample == OnBadSample::kSkip,
                     "{} of {} rows cannot be used, and data.on_bad_sample is fail", bad, report.rows);
  require<DataError>(static_cast<double>(bad) <= config.max_bad_fraction * static_cast<double>(report.rows),
                     "{} of {} rows cannot be used, more than data.max_bad_fraction = {} allows", bad, report.rows, config.max_bad_fraction);
  require<DataError>(report.no_step.empty() || !experiment.gives_pairs_per_step, "{}", report.no_step);
  if (!report.no_step.empty()) log_warning("{} (the config does not set it)", report.no_step);
}

int prepare(const PrepareCommand& command) {
  if (!command.out.empty()) check_may_write(command.out, command.overwrite);
  const DataExperiment experiment = load_data_config(command.config, command.overrides);
  const RunConfig& config = experiment.config;
  start_log("", config.log.level);
  check_evaluation(config.eval);
  const PrepareReport report = prepare_data(config.data, options_of(command, config));
  const std::string json = to_json(report).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  if (!command.out.empty()) write_file_atomically(command.out, json);
  std::cout << (command.json ? json : to_table(report)) << std::flush;
  check_usable(report, experiment);
  return kExitDone;
}

}  // namespace

void add_prepare_command(CLI::App& app, Run& run) {
  auto options = std::make_shared<PrepareCommand>();
  CLI::App* command = app.add_subcommand("prepare", "Read every row and picture of an experiment's data once: what is bad, how long captions are; fills the caches");
  command->add_option("CONFIG", options->config, "The experiment; only its `data` section has to be there")->required();
  command->add_option("--set", options->overrides, "Override a key: --set data.crop_cache=on (again and again)")->take_all()->expected(1)->allow_extra_args(false);
  command->add_option("--workers", options->workers, "Threads [data.workers, or one for each processor core]")->check(CLI::Range(1, 1024));
  command->add_option("--size", options->size, "Side of the square that the model sees, in pixels [that of model.init, or 224]")->check(CLI::Range(1, 16384));
  command->add_option("--context", options->context, "Ids that a caption may have, start and end included [those of model.init, or 248]")
      ->check(CLI::Range(2, 1'000'000));
  command->add_option("--out", options->out, "Write the report as JSON into this file too, with every bad row");
  command->add_flag("--json", options->json, "Print the report as JSON");
  command->add_flag("--overwrite", options->overwrite, "Replace the output if it exists");
  command->footer("Ends with 2 where training would be refused: no row can be used, more are bad than the config allows, the good\n"
                  "ones do not fill one step of the data.pairs_per_step that the config gives, or a set of its `eval` section cannot be read.\n"
                  "Example:\n  longclip prepare mine.yaml --set data.crop_cache=on --out report.json");
  command->callback([options, &run] { run = [options] { return prepare(*options); }; });
}

}  // namespace longclip
