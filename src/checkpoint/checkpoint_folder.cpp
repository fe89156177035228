// checkpoint/checkpoint_folder.cpp -- written beside, synced, renamed; state.json comes last and vouches for the others.
#include "checkpoint/checkpoint_folder.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "tensors/safetensors.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

constexpr const char* kVerified[] = {"model.safetensors", "model.json", "optimizer.safetensors", "config.yaml"};

constexpr const char* kUnfinished = ".unfinished";

/// The only place that makes names of checkpoint folders.
std::string checkpoint_name(int64_t step) { return fmt::format("step_{:08d}", step); }

/// The step of a folder name, or -1.
int64_t step_of(const fs::path& folder) {
  const std::string name = folder.filename().string();
  int64_t step = -1;
  if (!name.starts_with("step_")) return -1;
  const auto [end, error] = std::from_chars(name.data() + 5, name.data() + name.size(), step);
  return error == std::errc() && end == name.data() + name.size() && step >= 0 ? step : -1;
}

Json digest_of(const fs::path& file) {
  const MappedFile mapped(file);
  return {{"bytes", mapped.bytes().size()}, {"sha256", sha256_hex(mapped.bytes())}};
}

void verify(const fs::path& folder, const Json& files, const char* name) {
  const fs::path file = folder / name;
  require<DataError>(fs::exists(file), "{}: is missing, so this checkpoint is not complete", file.string());
  require<DataError>(files.contains(name), "{}: is not listed in state.json", file.string());
  require<DataError>(files.at(name) == digest_of(file), "{}: has another size or SHA-256 than state.json says; the file is damaged", file.string());
}

void write_files(const fs::path& folder, const Checkpoint& checkpoint) {
  write_safetensors(folder / "model.safetensors", checkpoint.model);
  write_file_atomically(folder / "model.json", checkpoint.architecture.dump(2) + "\n");
  write_safetensors(folder / "optimizer.safetensors", checkpoint.optimizer);
  write_file_atomically(folder / "config.yaml", checkpoint.config_yaml);
  Json state = to_json(checkpoint.state);
  for (const char* name : kVerified) state["files"][name] = digest_of(folder / name);
  write_file_atomically(folder / "state.json", state.dump(2) + "\n");
}

}  // namespace

void save_checkpoint(const fs::path& run_dir, const Checkpoint& checkpoint) {
  const fs::path checkpoints = run_dir / "checkpoints";
  const std::string name = checkpoint_name(checkpoint.state.step);
  const fs::path target = checkpoints / name, unfinished = checkpoints / (name + kUnfinished), replaced = checkpoints / (name + ".replaced");
  fs::remove_all(unfinished);
  fs::create_directories(unfinished);
  try {
    write_files(unfinished, checkpoint);
    if (fs::exists(target)) {  // a run that was resumed from before this step arrives here again
      fs::remove_all(replaced);
      fs::rename(target, replaced);
      publish_folder(unfinished, target);
      fs::remove_all(replaced);
    } else {
      publish_folder(unfinished, target);
    }
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(unfinished, ignored);
    if (!fs::exists(target, ignored) && fs::exists(replaced, ignored)) fs::rename(replaced, target, ignored);
    throw;
  }
  write_file_atomically(checkpoints / "latest", name + "\n");
  if (checkpoint.state.best_step == checkpoint.state.step) write_file_atomically(checkpoints / "best", name + "\n");
}

Checkpoint load_checkpoint(const fs::path& folder) {
  const fs::path state_file = folder / "state.json";
  const Json json = parse_json(read_file(state_file, 16 << 20), state_file.string());
  Checkpoint checkpoint;
  checkpoint.state = run_state_from_json(json, state_file.string());
  require<DataError>(json.contains("files") && json.at("files").is_object(), "{}: 'files' is missing", state_file.string());
  for (const char* name : kVerified) verify(folder, json.at("files"), name);
  checkpoint.model = read_safetensors(folder / "model.safetensors").tensors;
  checkpoint.architecture = parse_json(read_file(folder / "model.json"), (folder / "model.json").string());
  checkpoint.optimizer = read_safetensors(folder / "optimizer.safetensors").tensors;
  checkpoint.config_yaml = read_file(folder / "config.yaml");
  return checkpoint;
}

std::vector<fs::path> list_checkpoints(const fs::path& run_dir) {
  std::vector<fs::path> found;
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(run_dir / "checkpoints", absent)) {
    if (entry.is_directory() && step_of(entry.path()) >= 0) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end(), [](const fs::path& a, const fs::path& b) { return step_of(a) < step_of(b); });
  return found;
}

std::optional<Checkpoint> load_newest_checkpoint(const fs::path& run_dir) {
  std::vector<fs::path> candidates = list_checkpoints(run_dir);
  if (candidates.empty()) return std::nullopt;
  std::string refused;
  for (auto folder = candidates.rbegin(); folder != candidates.rend(); ++folder) {
    try {
      return load_checkpoint(*folder);
    } catch (const DataError& error) {
      log_warning("checkpoint refused, trying the one before: {}", error.what());
      refused = error.what();
    }
  }
  fail<DataError>("{}: none of the {} checkpoints can be used; the oldest: {}", run_dir.string(), candidates.size(), refused);
}

void set_aside_newer_checkpoints(const fs::path& run_dir, int64_t step) {
  for (const fs::path& folder : list_checkpoints(run_dir)) {
    if (step_of(folder) == step) write_file_atomically(run_dir / "checkpoints" / "latest", checkpoint_name(step) + "\n");
    if (step_of(folder) <= step) continue;
    const fs::path aside = folder.string() + ".set_aside";
    fs::remove_all(aside);
    fs::rename(folder, aside);
    log_warning("{} belongs to the steps that this run goes back from; it is now {}", folder.filename().string(), aside.string());
  }
}

std::optional<fs::path> best_checkpoint(const fs::path& run_dir) {
  const fs::path file = run_dir / "checkpoints" / "best";
  if (!fs::exists(file)) return std::nullopt;
  const std::string text = read_file(file, 4096);
  const fs::path folder = run_dir / "checkpoints" / text.substr(0, text.find('\n'));
  return step_of(folder) >= 0 && fs::is_directory(folder) ? std::optional(folder) : std::nullopt;
}

void restore_best_checkpoint(const fs::path& run_dir, int64_t step) {
  const fs::path checkpoints = run_dir / "checkpoints", best = checkpoints / "best";
  if (step > 0 && fs::is_directory(checkpoints / checkpoint_name(step))) {
    write_file_atomically(best, checkpoint_name(step) + "\n");
  } else {
    fs::remove(best);
  }
}

void remove_unfinished_checkpoints(const fs::path& run_dir) {
  std::error_code absent;
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(run_dir / "checkpoints", absent)) {
    if (entry.path().extension() == kUnfinished && step_of(entry.path().stem()) >= 0) found.push_back(entry.path());
  }
  for (const fs::path& folder : found) fs::remove_all(folder);
}

void remove_old_checkpoints(const fs::path& run_dir, const CheckpointConfig& config) {
  const std::vector<fs::path> found = list_checkpoints(run_dir);
  const std::optional<fs::path> best = best_checkpoint(run_dir);
  const auto keep_last = static_cast<size_t>(config.keep_last);
  for (size_t i = 0; i + keep_last < found.size(); ++i) {
    const bool kept_for_ever = config.keep_every_steps && step_of(found[i]) % *config.keep_every_steps == 0;
    if (!kept_for_ever && found[i] != best) fs::remove_all(found[i]);
  }
}

}  // namespace longclip
