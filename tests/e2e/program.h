#pragma once
// tests/e2e/program.h -- the built program as its users run it, and small inputs for it.

#include <filesystem>
#include <map>
#include <string>

#include "base/json.h"
#include "support/free_port.h"
#include "support/reference_data.h"

namespace longclip::test {

/// longclip ARGUMENTS, as a shell would run it in `folder`.
CommandResult run_longclip(const std::string& arguments, const std::filesystem::path& folder = {});
/// The same; returns stdout, and throws with the program's message where it does not end with 0.
std::string run_well(const std::string& arguments, const std::filesystem::path& folder = {});

/// Models made once for all tests: `tiny` (seed 1) with its 77 positions; the same with 248; one that sees 224 pixels
/// and is small otherwise.
std::string unstretched_model();
std::string stretched_model();
std::string model_of_224_pixels();

/// An experiment of 8 rows in `folder`: run.yaml, rows.jsonl, 0.png and 1.png; pairs_per_step 4, 2 steps, on the CPU.
void write_experiment(const std::filesystem::path& folder);
/// 2 x 2 pixels of one colour.
void write_red_png(const std::filesystem::path& file);
void write_blue_png(const std::filesystem::path& file);

/// `expected.values` of a case, named by its number and name; the folder is cases_dir() / name.
Json case_values(const std::string& name);
/// SHA-256 of every file below a folder, to see that nothing was touched.
std::map<std::string, std::string> hashes_below(const std::filesystem::path& folder);

}  // namespace longclip::test
