#pragma once
// tests/train/small_run.h -- a whole training run in this process, small enough that a step takes milliseconds:
// 16 drawn scenes of 32 x 32 pixels and a stretched CLIP of width 32.

#include <string>
#include <vector>

#include "model/architecture.h"
#include "support/reference_data.h"
#include "tensors/tensor_map.h"
#include "train/run_config.h"
#include "train/run_folder.h"

namespace longclip::test {

/// One folder for one or several runs of the same experiment. The log shows errors alone.
class SmallRun {
 public:
  SmallRun();

  /// 8 pairs a step, 6 steps, fp32, 3 principal components; `overrides` as after --set. The run folder is `name` here.
  RunConfig config(const std::vector<std::string>& overrides = {}, const std::string& name = "out") const;
  /// Trains to the end. Returns the run folder.
  std::filesystem::path train(const std::vector<std::string>& overrides = {}, const std::string& name = "out",
                              const ResumeChoice& resume = {}) const;
  std::filesystem::path path(const std::string& name) const { return folder_ / name; }

 private:
  TemporaryFolder folder_;
};

/// The stretched model that the runs start from, and the rows of the scenes.
std::filesystem::path small_model();
std::filesystem::path small_scenes();

/// The lines of metrics.jsonl; one key of all lines.
std::vector<Json> metrics_of(const std::filesystem::path& run);
std::vector<Json> column(const std::filesystem::path& run, const std::string& key);

/// The weights of the checkpoint of `step`; those of the model at the start.
TensorMap weights_at(const std::filesystem::path& run, int64_t step);
TensorMap initial_weights();
std::filesystem::path checkpoint_of(const std::filesystem::path& run, int64_t step);

}  // namespace longclip::test
