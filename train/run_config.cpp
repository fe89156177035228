// train/run_config.cpp -- the one place where the templates of src/config meet all sections.
#include "train/run_config.h"

#include <algorithm>
#include <map>

#include "base/digest.h"
#include "config/section_reader.h"
#include "config/section_reference.h"
#include "config/section_writer.h"
#include "data/formats/index_cache.h"
#include "eval/metric_names.h"

namespace longclip {
namespace {

constexpr std::string_view kReferenceIntroduction = R"(# Config

Made by `longclip train --config-reference > docs/config.md` from the lists of fields in the code; not written by hand.

One YAML file is one experiment: `longclip train CONFIG [--set a.b=c]...`. Everything in it is checked before any work, and every error names
file, line, column and key.

- An unknown key, a key or section that stands twice, a missing required key, and a value of the wrong type are errors. No key is ignored.
- Numbers are decimal: `1e-6` and `1.0E-6` are numbers; `"1e-6"` (a text), `010` (looks octal), `1_000` and `.inf` are errors. A whole number has no
  point: `4.0` is an error. Truth values are `true` and `false`; `yes` and `no` are errors.
- A key without a value (`null`, `~`, nothing) is an error. Where a key can be switched off, the word for it stands in the table (mostly `none`).
- Anchors (`&x`, `*x`) work; merge keys (`<<`), tags, a second document and tabs that indent are errors.
- Paths in the file are relative to the folder of the file, paths given with `--set` and `run.dir` to the working folder. `~` and `$VARIABLES` are
  plain characters.
- `--set optim.lr=2e-6` replaces the value of the file, or adds it; the value is YAML, read by the same rules. `--set data.train[0].path=x` reaches into a list.
  Where two keys exclude each other (`schedule.steps` and `schedule.epochs`), the one given with `--set` counts.
- The effective config, with every key, is written to `config.yaml` in the run folder. A run is resumed only by the same experiment: keys marked
  `free` in the last column may differ, all others must be equal.
)";

}  // namespace

void RunSection::validate(const RejectField& reject) const {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  };
  if (name.empty() || name[0] == '.' || !std::ranges::all_of(name, allowed)) {
    reject("name", "must be letters, digits, '_', '-' and '.', and must not begin with '.'");
  }
  if (seed < 0) reject("seed", "must not be negative");
  if (stop_after_steps && *stop_after_steps < 1) reject("stop_after_steps", "must be at least 1");
}

namespace {

/// checkpoint.keep_best names a metric that another section makes.
void check_keep_best(const ConfigNode& root, const RunConfig& config) {
  const auto& name = config.checkpoint.keep_best;
  const std::vector<std::string> known = metric_names(config.eval);
  if (!name || std::ranges::find(known, *name) != known.end()) return;
  const ConfigNode* section = root.find("checkpoint");
  const std::string is = known.empty() ? "eval measures nothing" : fmt::format("eval measures {}", fmt::join(known, ", "));
  fail_at(*section->find("keep_best"), "checkpoint.keep_best", fmt::format("no metric has the name '{}'; {}", *name, is));
}

/// run.cuda_graphs excludes what brings numbers to the GPU or runs a backward pass inside a backward pass.
void check_cuda_graphs(const ConfigNode& root, const RunConfig& config) {
  if (!config.run.cuda_graphs) return;
  const ConfigNode& key = *root.find("run")->find("cuda_graphs");
  if (config.precision.compute == Precision::kFp32) fail_at(key, "run.cuda_graphs", "needs precision.compute: bf16 or fp16");
  if (config.memory.activation_checkpointing != Checkpointing::kNone) fail_at(key, "run.cuda_graphs", "needs memory.activation_checkpointing: none");
}

RunConfig read_run_config(const ConfigNode& root) {
  RunConfig config;
  read_section(root, "", config);
  if (config.run.dir.empty())
    config.run.dir = resolve_path(std::filesystem::current_path(), std::filesystem::path("runs") / config.run.name);
  const std::filesystem::path cache_dir = config.data.cache_dir.value_or(default_cache_dir());
  for (TrainSourceConfig& source : config.data.train) source.cache_dir = cache_dir;
  for (RetrievalConfig& source : config.eval.retrieval) source.cache_dir = cache_dir;
  check_keep_best(root, config);
  check_cuda_graphs(root, config);
  return config;
}

ConfigNode load_tree(const std::filesystem::path& file, const std::vector<std::string>& overrides) {
  ConfigNode root = load_yaml(file);
  for (size_t i = 0; i < overrides.size(); ++i) apply_override(root, overrides[i], static_cast<int>(i) + 1);
  return root;
}

bool holds(const ConfigNode& root, const char* section, const char* key) {
  const ConfigNode* found = root.find(section);
  return found != nullptr && found->find(key) != nullptr;
}

}  // namespace

RunConfig load_run_config(const std::filesystem::path& file, const std::vector<std::string>& overrides) {
  return read_run_config(load_tree(file, overrides));
}

DataExperiment load_data_config(const std::filesystem::path& file, const std::vector<std::string>& overrides) {
  ConfigNode root = load_tree(file, overrides);
  const bool has_name = holds(root, "run", "name"), has_model = holds(root, "model", "init");
  const int order = static_cast<int>(overrides.size());
  if (!has_name) apply_override(root, "run.name=none", order + 1);
  if (!has_model) apply_override(root, "model.init=none", order + 2);
  DataExperiment experiment{read_run_config(root), holds(root, "data", "pairs_per_step")};
  if (!has_name) experiment.config.run.name.clear();
  if (!has_model) experiment.config.model.init.clear();
  return experiment;
}

RunConfig parse_run_config(const std::string& yaml, const std::string& name) {
  return read_run_config(parse_yaml(yaml, {.name = name, .folder = std::filesystem::current_path()}));
}

std::string dump_config(const RunConfig& config) { return dump_sections(config); }

std::vector<ConfigDifference> resume_differences(const RunConfig& before, const RunConfig& now) {
  std::vector<ConfigLeaf> old_leaves;
  std::vector<ConfigLeaf> new_leaves;
  list_leaves(before, "", kDefault, old_leaves);
  list_leaves(now, "", kDefault, new_leaves);
  std::map<std::string, ConfigDifference> by_key;
  for (const ConfigLeaf& leaf : old_leaves) {
    if (!leaf.may_change) by_key[leaf.key] = {leaf.key, leaf.value, ""};
  }
  for (const ConfigLeaf& leaf : new_leaves) {
    if (leaf.may_change) continue;
    ConfigDifference& entry = by_key[leaf.key];
    entry.key = leaf.key;
    entry.now = leaf.value;
  }
  std::vector<ConfigDifference> differences;
  for (const auto& [key, entry] : by_key) {
    if (entry.before != entry.now) differences.push_back(entry);
  }
  return differences;
}

std::string config_hash(const RunConfig& config) {
  std::vector<ConfigLeaf> leaves;
  list_leaves(config, "", kDefault, leaves);
  std::string text;
  for (const ConfigLeaf& leaf : leaves) {
    if (!leaf.may_change) text += leaf.key + ": " + leaf.value + "\n";
  }
  return sha256_hex(text);
}

std::string config_reference_markdown() { return std::string(kReferenceIntroduction) + reference_tables<RunConfig>(); }

}  // namespace longclip
