#pragma once
// tests/e2e/training.h -- runs of `longclip train` and what they leave behind.

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "program.h"

namespace longclip::test {

/// A stretched model of two small towers, which also embed in `width` dimensions. Made once for each width.
std::string narrow_model(int64_t width);

/// An experiment in `folder`: run.yaml of 8 rows and 4 pairs a step, with a stretched model of width 32 that trains a
/// step in milliseconds; the run folder is `out`. `more` are further lines of YAML, `schedule` among them.
void write_fast_experiment(const std::filesystem::path& folder, const std::string& more);

/// Copies a case into `folder`, with the model that its config files name.
void copy_case(const std::string& name, const std::filesystem::path& folder);

/// The objects of a .jsonl file; one key of each.
std::vector<Json> json_lines(const std::filesystem::path& file);
std::vector<Json> values_of(const std::filesystem::path& file, const std::string& key);
/// The lines that bad_samples.jsonl of a run names; throws where one stands twice.
std::set<int64_t> bad_lines(const std::filesystem::path& run);
/// [1, ..., last]
std::vector<Json> steps_to(int64_t last);

/// The bytes of the model and of the optimizer of a run's newest checkpoint.
std::string newest_weights(const std::filesystem::path& run);

/// Starts `longclip train run.yaml` in `folder`, sends `signal` (a name as for kill) once `lines` steps stand in the
/// metrics, and returns how it ended. Gives up after a minute.
CommandResult train_until_signal(const std::filesystem::path& folder, const std::string& signal, int64_t lines);

}  // namespace longclip::test
