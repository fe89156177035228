// train/demo.cpp -- see train/demo.h. The recipe was chosen for five minutes on two CPU cores (docs/recipe.md).
#include "train/demo.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/progress.h"
#include "data/scenes/scene_set.h"
#include "model/clip_file.h"
#include "model/stretch.h"
#include "train/export/hf_export.h"
#include "train/export/openai_export.h"
#include "train/trainer.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

/// Refuses a folder whose demo was started with other options.
void check_options(const DemoOptions& options) {
  const Json wanted{{"seed", options.seed}, {"train_scenes", options.train_scenes}, {"val_scenes", options.val_scenes},
                    {"short_steps", options.short_steps}, {"long_steps", options.long_steps}};
  const fs::path file = options.out / "demo.json";
  if (!fs::exists(file)) {
    require<InputError>(!fs::exists(options.out) || fs::is_empty(options.out), "{}: exists and is no demo; choose another --out", options.out.string());
    write_file_atomically(file, wanted.dump(2) + "\n");
    return;
  }
  const Json found = parse_json(read_file(file), file.string());
  require<InputError>(found == wanted, "{}: holds a demo with other options ({}); remove it or choose another --out", options.out.string(), found.dump());
}

void draw_scenes(const DemoOptions& options) {
  const auto draw = [&](const char* name, int64_t first, int64_t count) {
    if (fs::exists(options.out / name)) return;
    log_info("drawing {} scenes into {}", count, (options.out / name).string());
    write_scene_set(options.out / name, {.seed = static_cast<uint64_t>(options.seed), .first_index = static_cast<uint64_t>(first), .count = count});
  };
  draw("val", 0, options.val_scenes);  // the two ranges share no scene
  draw("train", options.val_scenes, options.train_scenes);
}

RunConfig common_config(const DemoOptions& options, const std::string& name) {
  RunConfig config;
  config.run.name = name;
  config.run.dir = fs::absolute(options.out / name);
  config.run.seed = options.seed;
  TrainSourceConfig source;
  source.path = fs::absolute(options.out / "train" / "triples.jsonl");
  source.images = {fs::absolute(options.out / "train")};
  config.data.train = {source};
  config.data.pairs_per_step = 64;
  config.precision.compute = Precision::kFp32;  // at this size as fast as bf16
  config.optim.betas = {0.9, 0.98};  // OpenAI CLIP's, for training from scratch
  config.loss.initial_logit_scale.reset();  // as in the checkpoint
  config.loss.max_logit_scale = 4.6052;
  config.checkpoint.every_steps = 500;
  config.checkpoint.keep_last = 1;
  config.log.every_steps = 50;
  return config;
}

/// Plain CLIP training on short captions at 77 positions.
RunConfig short_config(const DemoOptions& options) {
  RunConfig config = common_config(options, "base");
  config.model.init = fs::absolute(options.out / "init.safetensors");
  config.model.allow_short_context = true;
  config.loss.long_weight = 0;
  config.loss.pcm.side = PcmSide::kNone;
  config.loss.label_smoothing = 0;
  config.optim.lr = 1e-3;
  config.schedule.steps = options.short_steps;
  config.schedule.warmup_steps = std::min<int64_t>(40, options.short_steps);
  return config;
}

/// The Long-CLIP losses at 248 positions.
RunConfig long_config(const DemoOptions& options) {
  RunConfig config = common_config(options, "long");
  config.model.init = fs::absolute(options.out / "stretched.safetensors");
  config.optim.lr = 1e-3;
  config.schedule.steps = options.long_steps;
  config.schedule.warmup_steps = std::min<int64_t>(20, options.long_steps);
  return config;
}

void make_initial_model(const DemoOptions& options) {
  const fs::path file = options.out / "init.safetensors";
  if (fs::exists(file)) return;
  const Architecture architecture = preset_architecture("tiny");
  write_clip(file, {.architecture = architecture, .tensors = random_clip_weights(architecture, static_cast<uint64_t>(options.seed))});
}

void stretch_model(const DemoOptions& options) {
  const fs::path file = options.out / "stretched.safetensors";
  if (fs::exists(file)) return;
  ClipWeights weights = read_clip(options.out / "base");
  at::Tensor& table = weights.tensors.at("positional_embedding");
  weights.architecture.stretch = stretch_record(table.size(0), {});
  table = stretch_positions(table, {});
  weights.architecture.context_length = table.size(0);
  write_clip(file, weights);
  log_info("stretched the text positions to {}", table.size(0));
}

void train(const RunConfig& config, Communicator& comm) { Trainer(config, ResumeChoice{}, comm, at::kCPU).run(); }

DemoRow measure(const DemoOptions& options, const std::string& name, const fs::path& checkpoint, Communicator& comm) {
  ClipWeights weights = read_clip(checkpoint);
  const Clip model(weights.architecture, std::move(weights.tensors));
  RetrievalJob job;
  job.set.name = "val";
  job.set.path = options.out / "val" / "triples.jsonl";
  job.set.images = {options.out / "val"};
  job.encode.items_per_batch = 100;
  job.encode.workers = choose_workers({}, comm);
  return {name, evaluate_retrieval(model, job, comm)};
}

void export_model(const DemoOptions& options) {
  const ClipWeights weights = read_clip(options.out / "long");
  export_hf(weights, options.out / "hf", {.overwrite = true});
  export_upstream(weights, options.out / "longclip.pt", {.overwrite = true});
}

}  // namespace

DemoResult run_demo(const DemoOptions& options) {
  const double started_seconds = monotonic_seconds();
  check_options(options);
  Communicator comm = Communicator::connect({}, {}, at::kCPU);
  DemoResult result;
  draw_scenes(options);
  make_initial_model(options);
  train(short_config(options), comm);
  result.rows.push_back(measure(options, "77 positions, short captions", options.out / "base", comm));
  stretch_model(options);
  result.rows.push_back(measure(options, "stretched to 248", options.out / "stretched.safetensors", comm));
  train(long_config(options), comm);
  result.rows.push_back(measure(options, "fine-tuned on long captions", options.out / "long", comm));
  export_model(options);
  result.seconds = monotonic_seconds() - started_seconds;
  write_file_atomically(options.out / "result.json", to_json(result).dump(2) + "\n");
  return result;
}

Json to_json(const DemoResult& result) {
  Json json{{"seconds", result.seconds}, {"models", Json::array()}};
  for (const DemoRow& row : result.rows) {
    Json scores;
    for (const auto& [captions, recalls] : row.scores) scores[captions] = to_json(recalls);
    json["models"].push_back({{"model", row.model}, {"scores", scores}});
  }
  return json;
}

std::string to_table(const DemoResult& result) {
  std::string table = fmt::format("{:<30}{:>12}{:>12}{:>12}{:>12}\n{:<30}{:>12}{:>12}{:>12}{:>12}\n", "R@1 in % on held-out scenes", "long", "long", "short", "short",
                                  "", "image>text", "text>image", "image>text", "text>image");
  for (const DemoRow& row : result.rows) {
    const RetrievalScores &long_scores = row.scores.at("long"), &short_scores = row.scores.at("short");
    table += fmt::format("{:<30}{:>12.1f}{:>12.1f}{:>12.1f}{:>12.1f}\n", row.model, 100 * long_scores.image_to_text[0], 100 * long_scores.text_to_image[0],
                         100 * short_scores.image_to_text[0], 100 * short_scores.text_to_image[0]);
  }
  return table + fmt::format("{:.0f} seconds\n", result.seconds);
}

}  // namespace longclip
