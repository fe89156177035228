#pragma once
// tests/e2e/launching.h -- runs of several ranks: started by any launcher, and disturbed once some steps are done.

#include <filesystem>
#include <string>
#include <vector>

#include "training.h"

namespace longclip::test {

/// The experiment of write_fast_experiment() with 2 ranks in mind: `steps` steps, a checkpoint every 10.
void write_rank_experiment(const std::filesystem::path& folder, int64_t steps);

/// Runs `command` in `folder` with its stderr in log.txt there; once `lines` steps stand in the metrics, `then` is run: a
/// shell command in which $pid is the process of `command`. Returns how `command` ended (err: log.txt). Gives up waiting
/// after two minutes. One thread for each rank, so that all launchers give the same bits.
CommandResult run_disturbed(const std::string& command, int64_t lines, const std::string& then,
                            const std::filesystem::path& folder);
/// A shell command: the process id of a rank in its latest attempt, from the launcher's log lines in `log`.
std::string pid_of_rank(int64_t rank, const std::string& log = "log.txt");

/// Whether `longclip` still runs in `folder`, after waiting up to a minute for it to end.
bool still_runs_in(const std::filesystem::path& folder);

/// The run in `folder` has every step of `wanted` once, with the same losses bit for bit.
void check_same_losses(const std::filesystem::path& folder, const std::filesystem::path& wanted);
/// The newest checkpoint is that of the last step in the metrics.
void check_saved_at_last_step(const std::filesystem::path& folder);

/// Whether a program is in PATH (and on Debian's /usr/sbin).
bool has_program(const std::string& name);

}  // namespace longclip::test
