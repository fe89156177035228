// tests/train/small_run.cpp -- see small_run.h
#include "small_run.h"

#include <ATen/Parallel.h>

#include <sstream>

#include "base/log.h"
#include "data/scenes/scene_set.h"
#include "dist/communicator.h"
#include "model/clip.h"
#include "model/clip_file.h"
#include "model/stretch.h"
#include "tensors/safetensors.h"
#include "train/trainer.h"

namespace longclip::test {
namespace fs = std::filesystem;

namespace {

void write_small_model(const fs::path& file) {
  Architecture architecture;
  architecture.image_size = 32;
  architecture.patch_size = 8;
  architecture.vision = {.width = 32, .layers = 2, .heads = 2, .mlp_width = 64};
  architecture.text = architecture.vision;
  architecture.embed_dim = 32;
  TensorMap weights = random_clip_weights(architecture, 1);
  at::Tensor& table = weights.at("positional_embedding");
  architecture.stretch = stretch_record(table.size(0), {});
  table = stretch_positions(table, {});
  architecture.context_length = table.size(0);
  write_clip(file, {.architecture = architecture, .tensors = std::move(weights)});
}

/// Model and scenes, made once for all tests.
const fs::path& common_folder() {
  static const TemporaryFolder folder;
  static const bool made = [] {
    write_small_model(folder / "small.safetensors");
    write_scene_set(folder / "scenes", {.seed = 3, .count = 16, .side = 32});
    return true;
  }();
  (void)made;
  return folder.path();
}

}  // namespace

fs::path small_model() { return common_folder() / "small.safetensors"; }
fs::path small_scenes() { return common_folder() / "scenes" / "triples.jsonl"; }

SmallRun::SmallRun() {
  start_log("", LogLevel::kError);
  at::set_num_threads(1);  // operations this small only wait for each other with more
  write_text(folder_ / "run.yaml",
             "run: {name: small, seed: 5, device: cpu}\n"
             "model: {init: " +
                 small_model().string() +
                 "}\n"
                 "data:\n"
                 "  train: [{format: triples, path: " +
                 small_scenes().string() + ", images: " + small_scenes().parent_path().string() +
                 "}]\n"
                 "  pairs_per_step: 8\n"
                 "  workers: 1\n"
                 "loss: {pcm: {components: 3}}\n"
                 "optim: {lr: 1.0e-3}\n"
                 "schedule: {steps: 6, warmup_steps: 2}\n"
                 "precision: {compute: fp32}\n"
                 "log: {level: warning, tensorboard: false}\n");
}

RunConfig SmallRun::config(const std::vector<std::string>& overrides, const std::string& name) const {
  std::vector<std::string> all = overrides;
  all.push_back("run.dir=" + path(name).string());
  return load_run_config(folder_ / "run.yaml", all);
}

fs::path SmallRun::train(const std::vector<std::string>& overrides, const std::string& name,
                         const ResumeChoice& resume) const {
  const RunConfig run = config(overrides, name);
  Communicator comm = Communicator::connect({}, run.distributed, at::kCPU);
  Trainer(run, resume, comm, at::kCPU).run();
  return run.run.dir;
}

std::vector<Json> metrics_of(const fs::path& run) {
  std::vector<Json> lines;
  std::istringstream text(read_text(run / "metrics.jsonl"));
  for (std::string line; std::getline(text, line);) lines.push_back(parse_json(line, "metrics.jsonl"));
  return lines;
}

std::vector<Json> column(const fs::path& run, const std::string& key) {
  std::vector<Json> values;
  for (const Json& line : metrics_of(run)) values.push_back(line.at(key));
  return values;
}

fs::path checkpoint_of(const fs::path& run, int64_t step) {
  return run / "checkpoints" / fmt::format("step_{:08d}", step);
}
TensorMap weights_at(const fs::path& run, int64_t step) {
  return read_safetensors(checkpoint_of(run, step) / "model.safetensors").tensors;
}
TensorMap initial_weights() { return read_clip(small_model()).tensors; }

}  // namespace longclip::test
