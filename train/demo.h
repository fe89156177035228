#pragma once
// train/demo.h -- the whole job on scenes that the program draws itself (data/scenes), with numbers before and after.

#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "train/retrieval_evaluation.h"

namespace longclip {

struct DemoOptions {
  std::filesystem::path out = "demo";
  int64_t seed = 0;
  int64_t train_scenes = 16384;
  int64_t val_scenes = 500;
  int64_t short_steps = 500;
  int64_t long_steps = 350;
};

/// Recalls of one model on the held-out scenes.
struct DemoRow {
  std::string model;
  ScoresByCaptions scores;
};

struct DemoResult {
  std::vector<DemoRow> rows;  ///< trained on short captions; stretched; fine-tuned
  double seconds = 0;
};

/// Runs every stage that is not done yet in `options.out`. Deterministic for a seed on one machine. Collective: no.
/// Throws InputError where the folder holds a demo with other options, Stopped after a signal (the same call continues).
DemoResult run_demo(const DemoOptions& options);

std::string to_table(const DemoResult& result);
Json to_json(const DemoResult& result);

}  // namespace longclip
