// train/run_folder.cpp -- see train/run_folder.h
#include "train/run_folder.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

std::string list_differences(const std::vector<ConfigDifference>& differences) {
  std::string text;
  for (const ConfigDifference& difference : differences) {
    text += fmt::format("\n  {}: {} before, {} now", difference.key, difference.before, difference.now);
  }
  return text;
}

/// `before` is the effective config of what was found at `place`.
void check_same_experiment(const RunConfig& config, const RunConfig& before, const fs::path& place) {
  if (config_hash(before) == config_hash(config)) return;
  fail<InputError>("{}: holds another experiment; give run.dir another folder, or make these keys equal again:{}", place.string(),
                   list_differences(resume_differences(before, config)));
}

/// What a kill inside an atomic write leaves: "config.yaml.tmp4711".
bool is_unfinished_write(const std::string& name) {
  const auto mark = name.rfind(".tmp");
  return mark != std::string::npos && name.find_first_not_of("0123456789", mark + 4) == std::string::npos;
}

/// A folder with files that are not a run's is left alone.
void check_is_run_folder_or_empty(const fs::path& dir) {
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(dir, absent)) {
    const std::string name = entry.path().filename().string();
    const bool ours = name == "config.yaml" || name == "log.txt" || name == "metrics.jsonl" || name == "bad_samples.jsonl" || name == "row_ids.jsonl" || name == "tb" ||
                      name == "checkpoints" || name == "report.html" || is_unfinished_write(name);
    require<InputError>(ours, "{}: holds '{}', which is not of a run; give run.dir another folder", dir.string(), name);
  }
}

Checkpoint load_from(const fs::path& folder) {
  if (fs::exists(folder / "state.json")) return load_checkpoint(folder);
  std::optional<Checkpoint> newest = load_newest_checkpoint(folder);
  require<InputError>(newest.has_value(), "{}: holds no checkpoint to resume from", folder.string());
  return std::move(*newest);
}

bool due(const Json& metrics, const LogConfig& config) { return metrics.at("step").get<int64_t>() % config.every_steps == 0; }

}  // namespace

ResumeChoice ResumeChoice::parse(const std::string& text) {
  if (text == "auto") return {};
  if (text == "never") return {.mode = Mode::kNever, .from = {}};
  return {.mode = Mode::kFrom, .from = text};
}

std::optional<Checkpoint> find_checkpoint(const RunConfig& config, const ResumeChoice& resume) {
  check_is_run_folder_or_empty(config.run.dir);
  const bool used = !list_checkpoints(config.run.dir).empty();
  if (resume.mode == ResumeChoice::Mode::kNever) {
    require<InputError>(!used && !fs::exists(config.run.dir / "metrics.jsonl"),
                        "{}: was used before, and --resume never starts afresh only in a new folder; remove it or change run.dir", config.run.dir.string());
    return std::nullopt;
  }
  if (resume.mode == ResumeChoice::Mode::kFrom) {
    require<InputError>(fs::is_directory(resume.from), "--resume {}: is neither auto, never, nor a folder that exists", resume.from.string());
    Checkpoint checkpoint = load_from(resume.from);
    check_same_experiment(config, parse_run_config(checkpoint.config_yaml, "config.yaml of the checkpoint"), resume.from);
    return checkpoint;
  }
  std::optional<Checkpoint> newest = load_newest_checkpoint(config.run.dir);
  const fs::path written = config.run.dir / "config.yaml";  // there from the start, before the first checkpoint
  if (newest) {
    check_same_experiment(config, parse_run_config(newest->config_yaml, "config.yaml of the checkpoint"), config.run.dir);
  } else if (fs::exists(written)) {
    check_same_experiment(config, load_run_config(written), config.run.dir);
  }
  return newest;
}

RunLogs::RunLogs(const RunConfig& config, int64_t completed_steps)
    : config_(config.log), metrics_((fs::create_directories(config.run.dir), config.run.dir / "metrics.jsonl")) {
  write_file_atomically(config.run.dir / "config.yaml", dump_config(config));
  add_log_file(config.run.dir / "log.txt");
  metrics_.drop_after(completed_steps);
  last_step_ = completed_steps;
  if (config.log.row_ids) row_ids_.emplace(config.run.dir / "row_ids.jsonl").drop_after(completed_steps);
  if (config.log.tensorboard) tensorboard_.emplace(config.run.dir / "tb", completed_steps);
}

void RunLogs::write_step(const Json& metrics) {
  metrics_.append(metrics);
  last_step_ = metrics.at("step").get<int64_t>();
  Scalars scalars;
  std::string line;
  for (const auto& [key, value] : metrics.items()) {
    if (value.is_number() && key != "step") scalars.emplace_back(key, value.get<double>());
    line += (line.empty() ? "" : " ") + key + "=" + (value.is_number_float() ? fmt::format("{:.6g}", value.get<double>()) : value.dump());
  }
  if (tensorboard_) tensorboard_->add_scalars(metrics.at("step").get<int64_t>(), scalars);
  if (due(metrics, config_)) log_info("{}", line);
}

std::vector<AppendFile*> RunLogs::files() {
  std::vector<AppendFile*> files{&metrics_.file()};
  if (row_ids_) files.push_back(&row_ids_->file());
  if (tensorboard_) files.push_back(&tensorboard_->file());
  return files;
}

}  // namespace longclip
