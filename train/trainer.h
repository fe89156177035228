#pragma once
// train/trainer.h -- a run from its config to its last checkpoint. [all] marks what every rank must reach.

#include <memory>
#include <optional>

#include "checkpoint/checkpoint_folder.h"
#include "data/bad_sample_log.h"
#include "data/batch_loader.h"
#include "data/data_fingerprint.h"
#include "data/loader_watch.h"
#include "dist/communicator.h"
#include "dist/grad_reducer.h"
#include "loss/long_clip_loss.h"
#include "model/clip.h"
#include "optim/adamw.h"
#include "optim/lr_schedule.h"
#include "train/run_config.h"
#include "train/run_folder.h"
#include "train/run_saver.h"
#include "train/step_features.h"
#include "train/step_profiler.h"

namespace longclip {

/// What one step did: one line of metrics.jsonl. Losses, energy and counts are over all ranks.
struct StepReport {
  double lr = 0;
  double logit_scale = 0;  ///< as used in the step
  double loss_scale = 1;   ///< the same; 1 but for fp16
  double loss = 0, loss_long = 0, loss_short = 0;
  double grad_norm = 0;  ///< before clipping
  double pcm_energy = 1;
  int64_t num_tokens = 0;
  int64_t num_truncated = 0;
  int64_t peak_memory_bytes = 0;   ///< of the rank that needed most
  double data_wait_seconds = 0;    ///< mean over ranks
  bool applied = false;            ///< false: a loss or gradient was not finite, and nothing was changed
  SaveVerdict save = SaveVerdict::kNothing;  ///< what rank 0 wants after this step
};

/// Numbers of one step that stay on the device until all of them are read at once: each reading waits for the device.
struct StepScalars {
  at::Tensor grad_norm;   ///< times the loss scale
  at::Tensor pcm_energy;  ///< undefined where nothing is made coarse
};

/// REQUIRES: `comm` outlives it; one Trainer a process.
class Trainer {
 public:
  /// [all] Opens data, model and run folder, and takes up the checkpoint that `resume` finds.
  Trainer(RunConfig config, const ResumeChoice& resume, Communicator& comm, at::Device device);
  /// [all] Trains to the end, or until a signal: saves, then throws Stopped.
  void run();
  /// After run() threw because a rank was lost: saves the last step that all ranks completed, if it is not saved yet.
  void rescue();

  const RunState& state() const { return state_; }
  int64_t total_steps() const { return total_steps_; }

 private:
  Trainer(RunConfig config, const std::optional<Checkpoint>& checkpoint, Communicator& comm, at::Device device);
  StepReport train_step(PairBatch& batch);                                            // [all]
  Features add_local_coarse(Features mine, StepScalars& scalars);
  Features gather(Features& mine, StepScalars& scalars);                              // [all]
  void agree(const LossTerms& loss, const StepScalars& scalars, PairBatch& batch, StepReport& report);  // [all]
  void apply(StepReport& report);
  bool is_fp16() const { return config_.precision.compute == Precision::kFp16; }
  Json account(const PairBatch& batch, const StepReport& report, double step_seconds);
  void log_row_ids(const PairBatch& batch);                                           // [all]
  void check_limits(const PairBatch& batch, const StepReport& report);
  PairBatch next_batch();
  Json evaluate();                                                                    // [all]
  void note_best(const Json& metrics);
  void start_saver(bool resumed);
  Checkpoint checkpoint();
  void save();
  void save_last();                                                                   // [all]
  void save_before(const std::exception& error);
  void restore(const std::optional<Checkpoint>& checkpoint);
  bool eval_due() const;
  bool checkpoint_due(const StepReport& report) const;
  void check_same_run(const DataFingerprint& data);                                   // [all]
  void say_plan() const;
  void say_counts() const;

  const RunConfig config_;
  Communicator& comm_;
  const at::Device device_;
  Clip model_;
  RunState state_;
  std::unique_ptr<PairDataset> dataset_;
  std::unique_ptr<AdamW> optimizer_;
  std::unique_ptr<GradReducer> reducer_;
  std::unique_ptr<BatchLoader> loader_;
  std::unique_ptr<RunLogs> logs_;              // rank 0
  std::unique_ptr<BadSampleLog> bad_samples_;  // every rank counts, rank 0 writes
  LoaderWatch loader_watch_;
  SampleCounts counts_;  // of this rank and this process
  SideStream side_;
  std::unique_ptr<CapturedTowers> captured_;  // with run.cuda_graphs
  StepOptions step_options_;
  StepProfiler profiler_;
  LrSchedule schedule_;
  int64_t total_steps_ = 0;
  int64_t last_step_ = 0;    // total_steps_, or run.stop_after_steps
  int stop_code_ = 0;        // agreed by all ranks in the last step
  std::unique_ptr<RunSaver> saver_;  // rank 0; last, because it uses what is above
};

/// The device that run.device asks for, and this rank's GPU. Throws InputError where there is none.
at::Device choose_device(DeviceChoice choice, int64_t local_rank);

/// Of the towers.
at::ScalarType compute_dtype(Precision precision);

/// Threads that prepare data on this rank: `workers`, or its share of the processor cores.
int64_t choose_workers(const std::optional<int64_t>& workers, const Communicator& comm);

/// The model of config.model.init on the CPU. Throws InputError for one with 77 or fewer text positions, unless allowed.
Clip load_initial_model(const ModelConfig& config);

}  // namespace longclip
