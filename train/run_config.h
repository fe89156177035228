#pragma once
// train/run_config.h -- one YAML file = one experiment: every section, how it is read, written and compared.
// The sections live beside the code that uses them; only train/ sees them together.

#include <filesystem>
#include <string>
#include <vector>

#include "base/config_field.h"
#include "checkpoint/checkpoint_config.h"
#include "data/data_config.h"
#include "dist/dist_config.h"
#include "eval/eval_config.h"
#include "loss/loss_config.h"
#include "model/model_config.h"
#include "optim/optim_config.h"
#include "report/log_config.h"

namespace longclip {

enum class DeviceChoice { kAuto, kCpu, kCuda };
template <> struct EnumNames<DeviceChoice> {
  static constexpr std::array kNames{std::pair{DeviceChoice::kAuto, "auto"}, std::pair{DeviceChoice::kCpu, "cpu"},
                                     std::pair{DeviceChoice::kCuda, "cuda"}};
};

struct RunSection {
  std::string name;
  std::filesystem::path dir;  ///< load_run_config() fills in runs/<name>
  int64_t seed = 0;
  DeviceChoice device = DeviceChoice::kAuto;
  std::optional<int64_t> stop_after_steps;
  bool cuda_graphs = false;

  bool operator==(const RunSection&) const = default;

  template <class Self, class Visitor> static void fields(Self& self, Visitor&& visit) {
    visit("name", self.name, {"Name of the experiment: letters, digits, `_`, `-` and `.`.", "", kRequired});
    visit("dir", self.dir,
          {"The run folder, relative to the working folder; without the key: `runs/<name>`.", "",
           kMayChange | kInWorkingFolder});
    visit("seed", self.seed, {"Seed of the order of rows and of every random choice."});
    visit("device", self.device, {"`auto`: `cuda` where there is a GPU, else `cpu`.", "", kMayChange});
    visit("stop_after_steps", self.stop_after_steps,
          {"Stop (with a checkpoint) once this many steps of the run are done, without touching the schedule; `none`: "
           "go to the end.",
           "", kMayChange});
    visit("cuda_graphs", self.cuda_graphs,
          {"On a GPU, with bf16 or fp16: record the towers' work once for each number of text tokens (rounded up, about 2 % more) and replay "
           "it, which spares the processor the launching of thousands of kernels. Faster with few pairs on a fast GPU. Holds the "
           "memory of the activations and a second set of gradients for good, and needs the activations once more while it records.",
           "", kMayChange});
  }
  void validate(const RejectField& reject) const;
};

struct RunConfig {
  RunSection run;
  ModelConfig model;
  DataConfig data;
  LossConfig loss;
  OptimConfig optim;
  ScheduleConfig schedule;
  PrecisionConfig precision;
  MemoryConfig memory;
  DistributedConfig distributed;
  CheckpointConfig checkpoint;
  LogConfig log;
  EvalConfig eval;

  bool operator==(const RunConfig&) const = default;

  template <class Self, class Visitor> static void fields(Self& self, Visitor&& visit) {
    visit("run", self.run, {"The experiment as a whole."});
    visit("model", self.model, {"The weights that training starts from."});
    visit("data", self.data, {"The rows that are read and how a step is made of them."});
    visit("loss", self.loss, {"The training objective."});
    visit("optim", self.optim, {"AdamW."});
    visit("schedule", self.schedule, {"The length of the run and the learning rate over it."});
    visit("precision", self.precision, {"The arithmetic."});
    visit("memory", self.memory, {"What to do when the memory of a device is too small.", "", kMayChange});
    visit("distributed", self.distributed, {"How ranks talk to each other.", "", kMayChange});
    visit("checkpoint", self.checkpoint, {"When checkpoints are written and which stay.", "", kMayChange});
    visit("log", self.log, {"What the run tells while it works.", "", kMayChange});
    visit("eval", self.eval, {"What is measured while the run trains.", "", kMayChange});
  }
};

/// A key that differs between two configs. An absent key (an entry of a list, a key without effect) has the value "".
struct ConfigDifference {
  std::string key;  ///< for example "data.train[0].path"
  std::string before;
  std::string now;
};

/// Reads an experiment. `overrides` are "optim.lr=2e-6", applied in order; their paths are relative to the working folder,
/// those in the file to its folder. All paths come out absolute; every source has its cache_dir. Throws ConfigError "FILE:LINE:COLUMN: KEY: reason".
RunConfig load_run_config(const std::filesystem::path& file, const std::vector<std::string>& overrides = {});

/// An experiment of which only the `data` section has to be there.
struct DataExperiment {
  RunConfig config;  ///< run.name and model.init are empty where they are missing
  bool gives_pairs_per_step =
      false;  ///< false: data.pairs_per_step is the default, which the user may not have thought of
};

/// The same for work that needs the `data` section alone. What is given of the other sections is checked all the same.
DataExperiment load_data_config(const std::filesystem::path& file, const std::vector<std::string>& overrides = {});

/// Reads an effective config from memory, as a checkpoint carries it; `name` stands in messages.
RunConfig parse_run_config(const std::string& yaml, const std::string& name);

/// The effective config: YAML with every key, which load_run_config() reads back to an equal struct.
std::string dump_config(const RunConfig& config);

/// Keys that make `now` another experiment than `before`: those that differ and are not marked as free to change on resume.
std::vector<ConfigDifference> resume_differences(const RunConfig& before, const RunConfig& now);

/// SHA-256 over the keys that may not change on resume: equal hashes, same experiment.
std::string config_hash(const RunConfig& config);

/// The text of docs/config.md: every key with its type, default, meaning and source.
std::string config_reference_markdown();

}  // namespace longclip
