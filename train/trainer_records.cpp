// train/trainer_records.cpp -- what a Trainer writes down: metrics, bad samples, evaluations, checkpoints; and when.
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/signals.h"
#include "model/clip.h"
#include "tensors/device_memory.h"
#include "tensors/transfer.h"
#include "train/retrieval_report.h"
#include "train/trainer.h"
#include "train/zero_shot_evaluation.h"

namespace longclip {
namespace {

const std::string kRankZeroFailed = "rank 0 could not write a file of the run; its message says which";

/// Bad rows of all ranks in the order of their positions, on every rank. Collective.
std::vector<BadRow> gather_bad_rows(const std::vector<BadRow>& mine, Communicator& comm) {
  if (comm.world_size() == 1) return mine;
  Json json = Json::array();
  for (const BadRow& row : mine) json.push_back({row.source, row.line, row.image, row.reason, static_cast<int>(row.kind)});
  std::vector<BadRow> all;
  for (const std::string& text : comm.all_gather_text(json.empty() ? "" : to_json_line(json))) {
    if (text.empty()) continue;
    for (const Json& row : Json::parse(text)) all.push_back({row[0], row[1], row[2], row[3], static_cast<BadKind>(row[4].get<int>())});
  }
  return all;
}

/// Which number stopped being finite, for the message.
std::string culprit(const StepReport& report) {
  if (!std::isfinite(report.loss_long)) return "the loss of the long captions";
  if (!std::isfinite(report.loss_short)) return "the loss of the short captions";
  return "the gradient";
}

}  // namespace

Json Trainer::account(const PairBatch& batch, const StepReport& report, double step_seconds) {
  state_.step += 1;
  state_.epoch = batch.epoch;
  state_.skipped_steps += report.applied ? 0 : 1;
  state_.skipped_steps_in_a_row = report.applied ? 0 : state_.skipped_steps_in_a_row + 1;
  if (!report.applied) {
    log_warning("step {}: {} is not finite, so the step was skipped ({} in a row)", state_.step, culprit(report), state_.skipped_steps_in_a_row);
  }
  counts_.add(batch.counts);
  if (const auto advice = loader_watch_.add_step(report.data_wait_seconds, step_seconds); advice && comm_.rank() == 0) log_warning("{}", *advice);
  const int64_t pairs = config_.data.pairs_per_step;
  return {{"step", state_.step},
          {"epoch", state_.epoch},
          {"loss", report.loss},
          {"loss_long", report.loss_long},
          {"loss_short", report.loss_short},
          {"lr", report.lr},
          {"logit_scale", report.logit_scale},
          {"loss_scale", report.loss_scale},
          {"grad_norm", report.grad_norm},
          {"pcm_energy", report.pcm_energy},
          {"skipped", !report.applied},
          {"pairs", pairs},
          {"pairs_per_second", static_cast<double>(pairs) / step_seconds},
          {"step_seconds", step_seconds},
          {"data_wait_seconds", report.data_wait_seconds},
          {"checkpoint_stall_seconds", saver_ ? saver_->take_stall_seconds() : 0.0},
          {"tokens", report.num_tokens},
          {"truncated", report.num_truncated},
          {"peak_memory_bytes", report.peak_memory_bytes}};
}

void Trainer::agree(const LossTerms& loss, const StepScalars& scalars, PairBatch& batch, StepReport& report) {
  // A stop, a bad row or a clock on one rank concerns all: what each wants travels with its losses, in one collective.
  enum { kLoss, kLong, kShort, kEnergy, kGradNorm, kLogitScale, kWait, kTokens, kTruncated, kStop, kSave, kBadRows, kMemory };
  const at::Tensor energy = scalars.pcm_energy.defined() ? scalars.pcm_energy : at::ones({}, loss.total.options());
  std::vector<at::Tensor> mine;
  for (const at::Tensor& scalar : {loss.total, loss.long_term, loss.short_term, energy, scalars.grad_norm, model_.logit_scale()}) {
    mine.push_back(scalar.detach().to(device_, at::kDouble).reshape({1}));
  }
  const SaveVerdict save = saver_ ? saver_->verdict(state_.step + 1) : SaveVerdict::kNothing;  // of rank 0, for all
  const std::vector<double> of_host = {batch.wait_seconds, static_cast<double>(report.num_tokens),
                                       static_cast<double>(batch.counts.truncated_long + batch.counts.truncated_short),
                                       static_cast<double>(stop_requested()), static_cast<double>(save),
                                       static_cast<double>(batch.skipped.size()), static_cast<double>(peak_memory_bytes(device_) + (captured_ ? captured_->held_bytes() : 0))};
  mine.push_back(to_device(at::tensor(of_host, at::kDouble), device_));
  const at::Tensor all = comm_.all_gather_rows(at::cat(mine).unsqueeze(0)).cpu();  // here the host waits, and for eigenvectors, but nowhere else in a step
  const auto of_rank = [&](int64_t rank, int64_t column) { return all.const_data_ptr<double>()[rank * all.size(1) + column]; };
  const int64_t ranks = comm_.world_size();
  report.grad_norm = of_rank(0, kGradNorm) / report.loss_scale;  // the same on every rank
  report.logit_scale = of_rank(0, kLogitScale);
  const auto sum = [&](int64_t column) {
    double total = 0;
    for (int64_t rank = 0; rank < ranks; ++rank) total += of_rank(rank, column);
    return total;
  };
  const auto mean = [&](int64_t column) { return sum(column) / static_cast<double>(ranks); };
  report.loss = mean(kLoss);
  report.loss_long = mean(kLong);
  report.loss_short = mean(kShort);
  report.pcm_energy = mean(kEnergy);
  report.data_wait_seconds = mean(kWait);
  report.num_tokens = std::llround(sum(kTokens));
  report.num_truncated = std::llround(sum(kTruncated));
  report.save = static_cast<SaveVerdict>(std::llround(sum(kSave)));
  for (int64_t rank = 0; rank < ranks; ++rank) {
    report.peak_memory_bytes = std::max<int64_t>(report.peak_memory_bytes, std::llround(of_rank(rank, kMemory)));
    stop_code_ = std::max(stop_code_, static_cast<int>(of_rank(rank, kStop)));
  }
  if (sum(kBadRows) > 0) batch.skipped = gather_bad_rows(batch.skipped, comm_);
}

void Trainer::log_row_ids(const PairBatch& batch) {
  if (!config_.log.row_ids) return;
  at::Tensor mine_B2 = at::empty({static_cast<int64_t>(batch.rows.size()), 2}, at::kLong);
  auto* number = mine_B2.mutable_data_ptr<int64_t>();
  for (const RowId& row : batch.rows) {
    *number++ = row.source;
    *number++ = row.row;
  }
  const at::Tensor all_G2 = comm_.all_gather_rows(mine_B2.to(device_)).cpu();
  if (!logs_) return;
  Json rows = Json::array();
  const auto* all = all_G2.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < all_G2.numel(); i += 2) rows.push_back({all[i], all[i + 1]});
  logs_->write_row_ids({{"step", state_.step}, {"rows", std::move(rows)}});
}

PairBatch Trainer::next_batch() {
  try {
    return loader_->next();
  } catch (const InputError& error) {  // a bad row under on_bad_sample: fail ends the run, but loses no step
    save_before(error);
    throw;
  }
}

void Trainer::check_limits(const PairBatch& batch, const StepReport& report) {
  try {
    bad_samples_->add(batch.skipped);
    state_.bad_samples = bad_samples_->count();
  } catch (const InputError& error) {  // more than data.max_bad_fraction
    state_.bad_samples = bad_samples_->count();
    save_before(error);
    throw;
  }
  if (state_.skipped_steps_in_a_row < config_.optim.max_skipped_steps) return;
  const std::runtime_error error(
      fmt::format("step {}: {} was not finite for {} steps in a row (optim.max_skipped_steps); the weights before them are saved",
                  state_.step, culprit(report), state_.skipped_steps_in_a_row));
  save_before(error);  // the weights are those of the last good step
  throw error;
}

bool Trainer::eval_due() const {
  if (!config_.eval.measures_anything()) return false;
  const int64_t every = config_.eval.every_steps;
  return state_.step == total_steps_ || (every > 0 && state_.step % every == 0);
}

Json Trainer::evaluate() {
  const EncodeOptions options{.forward = step_options_.forward,
                              .items_per_batch = config_.eval.pairs_per_batch,
                              .workers = choose_workers(config_.data.workers, comm_),
                              .decode = config_.data.decode_options(),
                              .keep_going = true};  // one bad validation picture must not end a run
  Json metrics = Json::object();
  const auto add = [&](const std::string& name, const auto& measure) {
    try {
      metrics.update(to_metrics(name, measure()));
    } catch (const NotFiniteError& error) {  // on every rank: each has all features
      log_warning("eval '{}': no numbers at step {}: {}", name, state_.step, error.what());
    }
  };
  for (const RetrievalConfig& set : config_.eval.retrieval) {
    add(set.label(), [&] { return evaluate_retrieval(model_, {.set = set, .encode = options, .strict = false}, comm_); });
  }
  for (const ZeroShotConfig& set : config_.eval.zeroshot) {
    add(set.name, [&] { return evaluate_zero_shot(model_, load_zero_shot_set(set), options, comm_); });
  }
  note_best(metrics);
  return metrics;
}

/// The checkpoint of this step is due when it is the best.
void Trainer::note_best(const Json& metrics) {
  const auto& name = config_.checkpoint.keep_best;
  if (!name || !metrics.contains(*name)) return;
  const auto value = metrics.at(*name).get<double>();
  const bool has_best = state_.best_step > 0 && state_.best_metric == *name;
  if (has_best && value <= state_.best_value) return;
  state_.best_metric = *name;
  state_.best_value = value;
  state_.best_step = state_.step;
  if (comm_.rank() == 0) log_info("{} is {:.6g}, the best so far; checkpoints/best will name step {}", *name, value, state_.step);
}

bool Trainer::checkpoint_due(const StepReport& report) const {
  if (report.save == SaveVerdict::kFail) fail<std::runtime_error>("{}", saver_ ? saver_->failure() : kRankZeroFailed);
  return report.save == SaveVerdict::kSave || state_.best_step == state_.step;
}

void Trainer::rescue() {
  // Weights change after the last collective of a step, so they are those of state_.step; its line may not be written yet.
  if (!saver_ || state_.step == 0 || saver_->saved_step() == state_.step || logs_->last_step() != state_.step) return;
  std::string problem;
  try {
    problem = saver_->try_to_finish(state_.step);  // once: a rank that lost its peer has to end in time
  } catch (const std::exception& error) {  // a device that lost its peer may not answer; the caller has the real cause
    problem = error.what();
  }
  if (problem.empty()) log_warning("a rank was lost; step {} is saved", state_.step);
  else log_error("a rank was lost, and step {} could not be saved: {}", state_.step, problem);
}

void Trainer::say_counts() const {
  const auto say = [](int64_t count, const char* what) {
    if (count > 0) log_info("{} {}", count, what);
  };
  say(counts_.truncated_long, "long captions were cut to the model's positions");
  say(counts_.truncated_short, "short captions were cut to the model's positions");
  say(counts_.short_from_long, "rows had no short caption; the first sentence of the long one stood in");
  say(counts_.special_tokens, "captions spell out a special token (data.special_tokens_in_text)");
  say(counts_.grey16, "pictures have 16-bit grey: values above 255 became white");
  say(state_.bad_samples, "rows could not be used; bad_samples.jsonl lists them");
}

void Trainer::start_saver(bool resumed) {
  if (comm_.rank() != 0) return;
  std::vector<AppendFile*> files = logs_->files();
  files.push_back(bad_samples_->file());
  saver_ = std::make_unique<RunSaver>(config_.run.dir, config_.checkpoint,
                                      RunSaver::Content{.checkpoint = [this] { return checkpoint(); }, .files = std::move(files)},
                                      /*saved_step=*/resumed ? state_.step : -1);
}

/// What a checkpoint of this moment holds. The tensors are the live ones, but for the folded positions (a new tensor, small).
Checkpoint Trainer::checkpoint() {
  return {.model = model_.weights(),
          .architecture = to_json(model_.architecture()),
          .optimizer = optimizer_->state(),
          .state = state_,
          .config_yaml = dump_config(config_)};
}

void Trainer::save() {
  if (saver_) saver_->save();
}

void Trainer::save_last() {
  std::string problem;
  try {
    if (saver_) saver_->finish(state_.step);
  } catch (const std::exception& error) {
    problem = error.what();
  }
  const bool failed = comm_.all_reduce_max(!problem.empty()) != 0;
  require<std::runtime_error>(!failed, "{}", saver_ ? problem : kRankZeroFailed);
}

/// Before `error` ends the run. Not collective: it may have come to one rank alone.
void Trainer::save_before(const std::exception& error) {
  try {
    if (saver_) saver_->finish(state_.step);
  } catch (const std::exception& problem) {
    fail<std::runtime_error>("{}; and {}", error.what(), problem.what());
  }
}

}  // namespace longclip
