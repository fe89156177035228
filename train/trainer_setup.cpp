// train/trainer_setup.cpp -- what a Trainer is made of, and how it takes up a checkpoint.
#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cstdlib>

#include "base/cores.h"
#include "base/error.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/version.h"
#include "data/data_fingerprint.h"
#include "model/clip_file.h"
#include "tensors/device_memory.h"
#include "tensors/tensor_pool.h"
#include "train/evaluation_sets.h"
#include "train/micro_pairs.h"
#include "train/shared_checkpoint.h"
#include "train/trainer.h"

#ifdef LONGCLIP_WITH_CUDA
#include <c10/cuda/CUDAFunctions.h>
#endif

namespace longclip {
namespace {

DatasetOptions dataset_options(const RunConfig& config, const Architecture& architecture) {
  require<InputError>(architecture.has_clip_vocabulary(),
                      "model.init: the model's vocabulary ({} entries) is not CLIP's, so captions cannot be tokenised for it", architecture.vocabulary_size);
  return {.seed = static_cast<uint64_t>(config.run.seed),
          .image_size = architecture.image_size,
          .context = architecture.context_length,
          .needs_long = needs_long_captions(config.loss),
          .needs_short = needs_short_captions(config.loss)};
}

std::unique_ptr<AdamW> build_optimizer(Clip& model, const OptimConfig& config) {
  std::vector<std::string> names;
  std::vector<at::Tensor> tensors;
  for (const Parameter& parameter : model.trained_parameters()) {
    names.push_back(parameter.name);
    tensors.push_back(parameter.tensor);
  }
  return std::make_unique<AdamW>(std::move(names), std::move(tensors), config);
}

std::vector<at::Tensor> tensors_of(Clip& model) {
  std::vector<at::Tensor> tensors;
  for (const Parameter& parameter : model.trained_parameters()) tensors.push_back(parameter.tensor);
  return tensors;
}

Clip restored_model(const RunConfig& config, const std::optional<Checkpoint>& checkpoint) {
  if (checkpoint) return Clip(architecture_from_json(checkpoint->architecture, "model.json"), checkpoint->model);
  Clip model = load_initial_model(config.model);
  if (config.loss.initial_logit_scale) model.set_logit_scale(*config.loss.initial_logit_scale);
  return model;
}

Clip placed_model(const RunConfig& config, const std::optional<Checkpoint>& checkpoint, at::Device device) {
  Clip model = restored_model(config, checkpoint);
  for (const Tower tower : config.optim.freeze) tower == Tower::kVision ? model.freeze_vision() : model.freeze_text();
  if (device.is_cuda()) model.to(device);
  return model;
}

/// precision.tf32 and precision.deterministic. Before the first matrix product, as cuBLAS asks.
void set_arithmetic_of_gpu(const PrecisionConfig& precision) {
  at::Context& context = at::globalContext();
  context.setFloat32MatmulPrecision(precision.tf32 ? "high" : "highest");
  context.setBenchmarkCuDNN(false);
  if (!precision.deterministic) return;
  setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
  context.setDeterministicCuDNN(true);
  context.setDeterministicAlgorithms(true, /*warn_only=*/false);
  context.setDeterministicFillUninitializedMemory(false);  // every element is written before it is read
}

std::unique_ptr<CapturedTowers> capture_towers(Clip& model, const ForwardOptions& forward) {
  require<InputError>(model.device().is_cuda(), "run.cuda_graphs: this run computes on a CPU; the key is for a GPU");
  return std::make_unique<CapturedTowers>(model, forward);
}

}  // namespace

at::ScalarType compute_dtype(Precision precision) {
  if (precision == Precision::kFp16) return at::kHalf;
  return precision == Precision::kBf16 ? at::kBFloat16 : at::kFloat;
}

at::Device choose_device(DeviceChoice choice, int64_t local_rank) {
#ifdef LONGCLIP_WITH_CUDA
  const int64_t num_gpus = c10::cuda::device_count();
  if (choice == DeviceChoice::kCpu || (choice == DeviceChoice::kAuto && num_gpus == 0)) return at::kCPU;
  require<InputError>(num_gpus > 0, "cuda was asked for, but no GPU is visible here; use run.device: cpu or --device cpu");
  require<InputError>(local_rank < num_gpus, "local rank {} has no GPU: {} are visible", local_rank, num_gpus);
  const at::Device device(at::kCUDA, static_cast<c10::DeviceIndex>(local_rank));
  c10::cuda::set_device(device.index());
  return device;
#else
  require<InputError>(choice != DeviceChoice::kCuda, "cuda was asked for, but this program was built without it; use run.device: cpu or --device cpu (local rank {})", local_rank);
  return at::kCPU;
#endif
}

int64_t choose_workers(const std::optional<int64_t>& workers, const Communicator& comm) {
  return workers.value_or(cores_for_each(comm.local_world_size()));
}

Clip load_initial_model(const ModelConfig& config) {
  ClipWeights weights = read_clip(config.init, {.architecture = config.hints(), .entry = {}});
  for (const std::string& note : weights.notes) log_info("{}: {}", config.init.string(), note);
  require<InputError>(weights.architecture.context_length > 77 || config.allow_short_context,
                      "model.init: {} has {} text positions: an unstretched CLIP, which cuts long captions. Run\n"
                      "  longclip stretch {} stretched.safetensors\nand train from that, or set model.allow_short_context: true",
                      config.init.string(), weights.architecture.context_length, config.init.string());
  return Clip(weights.architecture, std::move(weights.tensors));
}

Trainer::Trainer(RunConfig config, const ResumeChoice& resume, Communicator& comm, at::Device device)
    : Trainer(config, find_shared_checkpoint(config, resume, comm), comm, device) {}

Trainer::Trainer(RunConfig config, const std::optional<Checkpoint>& checkpoint, Communicator& comm, at::Device device)
    : config_(std::move(config)), comm_(comm), device_(device), model_(placed_model(config_, checkpoint, device)),
      loader_watch_({.workers = choose_workers(config_.data.workers, comm_),
                     .cores = cores_for_each(comm_.local_world_size()),
                     .crop_cache = config_.data.crop_cache == CropCaching::kOn}),
      side_(device),
      profiler_(config_.log.profile_steps, config_.run.dir, comm_.rank(), device.is_cuda()) {
  if (device_.is_cuda()) set_arithmetic_of_gpu(config_.precision);
  else use_tensor_pool();
  dataset_ = std::make_unique<PairDataset>(config_.data, dataset_options(config_, model_.architecture()));
  dataset_->order().pairs_per_rank(comm_.world_size());  // refuses ranks that do not divide a step before any file is written
  open_evaluation_sets(config_.eval);  // a mistake in them is said now, not hours later
  optimizer_ = build_optimizer(model_, config_.optim);
  restore(checkpoint);
  step_options_.forward.compute_dtype = compute_dtype(config_.precision.compute);
  step_options_.forward.recompute_blocks = config_.memory.activation_checkpointing == Checkpointing::kBlocks;
  const int64_t pairs = dataset_->order().pairs_per_rank(comm_.world_size());
  step_options_.micro_pairs = config_.memory.micro_pairs_per_rank ? *config_.memory.micro_pairs_per_rank
                                                                  : choose_micro_pairs(model_, step_options_.forward, pairs, comm_.local_world_size(), config_.run.cuda_graphs ? 2 : 1);
  if (config_.run.cuda_graphs) captured_ = capture_towers(model_, step_options_.forward);
  step_options_.captured = captured_.get();
  step_options_.side = &side_;
  reducer_ = std::make_unique<GradReducer>(tensors_of(model_), comm_, /*find_unused=*/false);  // after the trials: it hooks into the backward pass
  schedule_ = {config_.optim.lr, config_.schedule.warmup_steps, total_steps_};
  if (comm_.rank() == 0) logs_ = std::make_unique<RunLogs>(config_, state_.step);
  bad_samples_ = std::make_unique<BadSampleLog>(BadSampleLog::Options{
      .file = comm_.rank() == 0 ? config_.run.dir / "bad_samples.jsonl" : std::filesystem::path(),
      .rows = dataset_->rows(),
      .max_bad_fraction = config_.data.max_bad_fraction,
      .lines_to_keep = state_.bad_samples});
  bad_samples_->add(dataset_->bad_lines());
  loader_ = std::make_unique<BatchLoader>(*dataset_, LoaderOptions{.first_step = state_.step + state_.loader_shift,
                                                                   .last_step = last_step_ + state_.loader_shift,
                                                                   .rank = comm_.rank(),
                                                                   .world_size = comm_.world_size(),
                                                                   .workers = choose_workers(config_.data.workers, comm_),
                                                                   .prefetch_steps = config_.data.prefetch_steps,
                                                                   .pin_memory = device_.is_cuda()});
  start_saver(checkpoint.has_value());
  say_plan();
}

void Trainer::restore(const std::optional<Checkpoint>& checkpoint) {
  state_.loss_scale = config_.precision.initial_loss_scale;
  if (checkpoint) {
    state_ = checkpoint->state;
    optimizer_->load_state(checkpoint->optimizer);
    log_info("resuming after step {}", state_.step);
    if (comm_.rank() == 0) {
      set_aside_newer_checkpoints(config_.run.dir, state_.step);
      restore_best_checkpoint(config_.run.dir, state_.best_step);
    }
  }
  const DataFingerprint now = fingerprint_of(dataset_->sources());
  check_same_run(now);
  const DataFingerprint before{state_.data_rows, state_.data_content};
  const int64_t steps_per_epoch = dataset_->order().steps_per_epoch();
  if (checkpoint && !(before == now)) {
    require<InputError>(config_.data.changed == ChangedData::kNextEpoch,
                        "the data changed since the checkpoint ({}); give it back, or set data.changed: next_epoch to go on with the next epoch",
                        describe_change(before, now));
    state_.loader_shift = (state_.epoch + 1) * steps_per_epoch - state_.step;
    log_warning("the data changed since the checkpoint ({}); going on with epoch {}", describe_change(before, now), state_.epoch + 1);
  }
  state_.data_rows = now.rows;
  state_.data_content = now.content;
  state_.seed = config_.run.seed;
  state_.config_hash = config_hash(config_);
  state_.program_version = program_version();
  total_steps_ = config_.schedule.steps.value_or(config_.schedule.epochs * steps_per_epoch - state_.loader_shift);
  last_step_ = std::min(total_steps_, config_.run.stop_after_steps.value_or(total_steps_));
}

void Trainer::check_same_run(const DataFingerprint& data) {
  const std::vector<std::string> configs = comm_.all_gather_text(config_hash(config_)), contents = comm_.all_gather_text(data.content);
  for (size_t rank = 1; rank < configs.size(); ++rank) {
    require<InputError>(configs[rank] == configs[0], "rank {} was started with another config than rank 0: copy the same file to every machine", rank);
    require<InputError>(contents[rank] == contents[0], "rank {} reads other data than rank 0: the files of data.train differ between the machines", rank);
  }
}

void Trainer::say_plan() const {
  if (comm_.rank() != 0) return;
  profiler_.check_steps(state_.step + 1, last_step_);
  const int64_t steps_per_epoch = dataset_->order().steps_per_epoch(), pairs = config_.data.pairs_per_step / comm_.world_size();
  log_info("{} rows, {} steps of {} pairs an epoch, {} steps in all ({:.2f} epochs), warm-up {} steps; {} pairs on each of {} ranks; {}, {}",
           dataset_->rows(), steps_per_epoch, config_.data.pairs_per_step, total_steps_,
           static_cast<double>(total_steps_) / static_cast<double>(steps_per_epoch), config_.schedule.warmup_steps, pairs, comm_.world_size(),
           device_.str(), enum_name(config_.precision.compute));
  const PcmConfig& pcm = config_.loss.pcm;
  const int64_t rows = pcm.scope == PcmScope::kGlobal ? config_.data.pairs_per_step : pairs;
  if (config_.loss.short_weight != 0 && pcm.side != PcmSide::kNone && !pcm.energy && rows <= pcm.components + 1) {
    log_warning("coarse features are the features themselves: {} rows are not more than loss.pcm.components + 1 = {}; use more pairs, "
                "loss.pcm.scope: global or fewer components", rows, pcm.components + 1);
  }
}

}  // namespace longclip
