#pragma once
// train/run_folder.h -- the folder of a run: whose it is, what to continue from, and its logs.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "checkpoint/checkpoint_folder.h"
#include "data/bad_sample_log.h"
#include "report/metrics_log.h"
#include "report/tensorboard.h"
#include "train/run_config.h"

namespace longclip {

/// How `longclip train` treats a folder that was used before.
struct ResumeChoice {
  enum class Mode { kAuto, kNever, kFrom } mode = Mode::kAuto;
  std::filesystem::path from;  ///< kFrom: another run folder or one checkpoint of it

  /// "auto", "never" or a folder (which only rank 0 has to see).
  static ResumeChoice parse(const std::string& text);
};

/// The checkpoint to continue from, or nothing for a fresh start. Throws InputError for a folder of another experiment
/// (with the keys that differ), for `never` on a used folder, for a `from` that is not there, and for a folder that holds something else.
std::optional<Checkpoint> find_checkpoint(const RunConfig& config, const ResumeChoice& resume);

/// The files that rank 0 writes while the run goes on. Other ranks hold none.
class RunLogs {
 public:
  /// Makes the folder, writes config.yaml, opens the logs and drops what stands after `completed_steps`.
  RunLogs(const RunConfig& config, int64_t completed_steps);
  /// One line of metrics.jsonl, its numbers as TensorBoard scalars, and a line on the terminal when one is due.
  void write_step(const Json& metrics);
  /// One line of row_ids.jsonl (log.row_ids): {"step", "rows": [[source, row], ...]}.
  void write_row_ids(const Json& rows) { row_ids_->append(rows); }
  /// The step of the newest line of metrics.jsonl.
  int64_t last_step() const { return last_step_; }
  /// Those that hold back what a full disk does not take.
  std::vector<AppendFile*> files();

 private:
  LogConfig config_;
  MetricsLog metrics_;
  std::optional<MetricsLog> row_ids_;  // log.row_ids
  std::optional<TensorBoardWriter> tensorboard_;
  int64_t last_step_ = 0;
};

}  // namespace longclip
