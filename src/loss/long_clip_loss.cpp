// loss/long_clip_loss.cpp -- see loss/long_clip_loss.h
#include "loss/long_clip_loss.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/zeros.h>

#include "base/error.h"
#include "tensors/shape.h"

namespace longclip {

at::Tensor contrastive_loss(const std::pair<at::Tensor, at::Tensor>& mine_BE, const std::pair<at::Tensor, at::Tensor>& all_GE,
                            const at::Tensor& logit_scale, int64_t rank, double label_smoothing) {
  const int64_t pairs = mine_BE.first.size(0), all_pairs = all_GE.first.size(0), embed_dim = mine_BE.first.size(1);
  require<ShapeError>(pairs > 0 && all_pairs % pairs == 0, "{} pairs on all ranks are not a multiple of the {} pairs here", all_pairs, pairs);
  check_shape(mine_BE.second, {pairs, embed_dim}, "second features of this rank");
  check_shape(all_GE.second, {all_pairs, embed_dim}, "second features of all ranks");
  const at::Tensor scale = logit_scale.exp();
  const at::Tensor targets_B = at::arange(rank * pairs, (rank + 1) * pairs, at::TensorOptions().dtype(at::kLong).device(scale.device()));
  const auto one_way = [&](const at::Tensor& queries_BE, const at::Tensor& candidates_GE) {
    const at::Tensor logits_BG = queries_BE.matmul(candidates_GE.t()).mul(scale);
    return at::cross_entropy_loss(logits_BG, targets_B, {}, at::Reduction::Mean, /*ignore_index=*/-100, label_smoothing);
  };
  return one_way(mine_BE.first, all_GE.second).add(one_way(mine_BE.second, all_GE.first)).div(2);
}

LossTerms long_clip_loss(const Features& mine, const Features& all, const at::Tensor& logit_scale, int64_t rank, const LossConfig& config) {
  const auto term = [&](at::Tensor Features::* first, at::Tensor Features::* second) {
    return contrastive_loss({mine.*first, mine.*second}, {all.*first, all.*second}, logit_scale, rank, config.label_smoothing);
  };
  const PcmSide side = config.pcm.side;
  LossTerms terms;
  terms.long_term = terms.short_term = at::zeros({}, mine.image.options());
  if (config.long_weight != 0) terms.long_term = term(&Features::image, &Features::long_text);
  if (config.short_weight != 0) {
    if (side == PcmSide::kNone) terms.short_term = term(&Features::image, &Features::short_text);
    if (side == PcmSide::kImage || side == PcmSide::kBoth) terms.short_term = term(&Features::coarse_image, &Features::short_text);
    if (side == PcmSide::kText) terms.short_term = term(&Features::image, &Features::coarse_long_text);
    if (side == PcmSide::kBoth) terms.short_term = terms.short_term.add(term(&Features::image, &Features::coarse_long_text));
  }
  terms.total = terms.long_term.mul(config.long_weight).add(terms.short_term, config.short_weight);
  return terms;
}

bool needs_long_captions(const LossConfig& config) {
  const bool coarse_text = config.pcm.side == PcmSide::kText || config.pcm.side == PcmSide::kBoth;
  return config.long_weight != 0 || (config.short_weight != 0 && coarse_text);
}

bool needs_short_captions(const LossConfig& config) { return config.short_weight != 0 && config.pcm.side != PcmSide::kText; }

}  // namespace longclip
