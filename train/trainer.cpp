// train/trainer.cpp -- the whole of training, in the order it happens. What surrounds it (construction, resume, accounts)
// is in train/trainer_setup.cpp and train/trainer_records.cpp.   [all] = every rank must reach it
#include "train/trainer.h"

#include <ATen/core/grad_mode.h>

#include <cmath>

#include "base/error.h"
#include "base/log.h"
#include "base/progress.h"
#include "dist/gather.h"
#include "loss/coarse_features.h"
#include "optim/loss_scale.h"

namespace longclip {

void Trainer::run() {
  while (state_.step < last_step_ && stop_code_ == 0) {
    const double started_seconds = monotonic_seconds();
    comm_.at_step(state_.step + 1);
    profiler_.before(state_.step + 1);
    PairBatch batch = next_batch();
    const StepReport report = train_step(batch);                              // [all]
    Json metrics = account(batch, report, monotonic_seconds() - started_seconds);
    profiler_.after(state_.step, state_.step == last_step_ || stop_code_ != 0);
    log_row_ids(batch);                                                       // [all]
    if (eval_due()) metrics.update(evaluate());                               // [all]
    if (logs_) logs_->write_step(metrics);
    check_limits(batch, report);                                              // too many bad rows or skipped steps end the run
    if (checkpoint_due(report)) save();                                       // rank 0 writes
  }
  save_last();                                                                // [all] last step, or a signal: never lost
  say_counts();
  if (stop_code_ != 0) throw Stopped(stop_code_, fmt::format("stopped by a signal after step {}; the checkpoint is saved", state_.step));
}

StepReport Trainer::train_step(PairBatch& batch) {
  StepReport report;
  report.lr = schedule_.at(state_.step);                                      // pure function of the step: resume is exact
  report.loss_scale = is_fp16() ? state_.loss_scale : 1;
  optimizer_->zero_grad();

  StepFeatures encoded(model_, batch, step_options_);                         // image_BE, long_BE, short_BE; unit rows
  StepScalars scalars;
  Features mine = add_local_coarse(encoded.features(), scalars);
  const Features all = gather(mine, scalars);                                 // [all] the rows of every rank, one collective
  const LossTerms loss = long_clip_loss(mine, all, model_.logit_scale(), comm_.rank(), config_.loss);
  encoded.backward(loss.total.mul(report.loss_scale), *reducer_);                                  // [all] gradients become the mean over ranks

  report.num_tokens = encoded.num_tokens();
  scalars.grad_norm = optimizer_->grad_norm();
  agree(loss, scalars, batch, report);                                        // [all] the only other collective of a step
  apply(report);                                                              // same verdict on every rank
  return report;
}

namespace {

/// Which features are made coarse for the second term.
std::vector<std::pair<at::Tensor Features::*, at::Tensor Features::*>> coarse_pairs(const LossConfig& config) {
  std::vector<std::pair<at::Tensor Features::*, at::Tensor Features::*>> pairs;
  if (config.short_weight == 0) return pairs;
  const PcmSide side = config.pcm.side;
  if (side == PcmSide::kText || side == PcmSide::kBoth) pairs.emplace_back(&Features::long_text, &Features::coarse_long_text);
  if (side == PcmSide::kImage || side == PcmSide::kBoth) pairs.emplace_back(&Features::image, &Features::coarse_image);
  return pairs;
}

/// image_side: for features of this rank alone, which are there since its mark.
void make_coarse(Features& features, const LossConfig& config, StepScalars& scalars, SideStream* image_side) {
  for (const auto& [fine, coarse] : coarse_pairs(config)) {
    SideStream* side = fine == &Features::image ? image_side : nullptr;
    const CoarseFeatures made = coarse_features(features.*fine, {config.pcm.components, config.pcm.energy}, side);
    features.*coarse = made.coarse_nE;
    scalars.pcm_energy = made.retained_energy;
  }
}

}  // namespace

Features Trainer::add_local_coarse(Features mine, StepScalars& scalars) {
  if (config_.loss.pcm.scope == PcmScope::kLocal) make_coarse(mine, config_.loss, scalars, &side_);
  return mine;
}

Features Trainer::gather(Features& mine, StepScalars& scalars) {
  const std::vector<at::Tensor> rows =
      gather_with_grad({mine.image, mine.long_text, mine.short_text, mine.coarse_image, mine.coarse_long_text}, comm_);
  Features all{rows[0], rows[1], rows[2], rows[3], rows[4]};
  if (config_.loss.pcm.scope == PcmScope::kGlobal) {
    make_coarse(all, config_.loss, scalars, comm_.world_size() == 1 ? &side_ : nullptr);
    const int64_t pairs = mine.image.size(0);
    for (const auto& [fine, coarse] : coarse_pairs(config_.loss)) mine.*coarse = (all.*coarse).narrow(0, comm_.rank() * pairs, pairs);
  }
  return all;
}

void Trainer::apply(StepReport& report) {
  report.applied = std::isfinite(report.loss) && std::isfinite(report.grad_norm);
  if (is_fp16()) update_loss_scale(report.applied, state_.loss_scale, state_.loss_scale_good_steps);
  if (!report.applied) return;
  const auto& max_norm = config_.optim.max_grad_norm;
  const double clipped = max_norm && report.grad_norm > *max_norm ? report.grad_norm / *max_norm : 1;
  if (saver_) saver_->before_update();  // nothing changes before the checkpoint in work has its copy
  optimizer_->step(report.lr, report.loss_scale * clipped);
  if (config_.loss.max_logit_scale) model_.limit_logit_scale(*config_.loss.max_logit_scale);
}

}  // namespace longclip
