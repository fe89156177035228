#pragma once
// loss/long_clip_loss.h -- the training objective of Long-CLIP for one step.
// Shapes: B pairs here, G pairs on all ranks (rank-major), E joint embedding.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <utility>

#include "loss/loss_config.h"

namespace longclip {

/// Unit rows of the pairs; what a switched-off term does not need is undefined.
struct Features {
  at::Tensor image, long_text, short_text;  ///< [B or G, E]
  at::Tensor coarse_image;      ///< [B or G, E], for PcmSide::kImage and kBoth
  at::Tensor coarse_long_text;  ///< [B or G, E], for PcmSide::kText and kBoth
};

/// Scalars, float32 (float64 where the features are), means over the local rows.
struct LossTerms {
  at::Tensor total, long_term, short_term;
};

/// Symmetric InfoNCE: (CE(s a_B b_G^T) + CE(s b_B a_G^T)) / 2 with targets rank*B + i and label smoothing.
/// Collective: no. Source: Long-CLIP, model/model_longclip.py:442-484 @3966af9.
at::Tensor contrastive_loss(const std::pair<at::Tensor, at::Tensor>& mine_BE, const std::pair<at::Tensor, at::Tensor>& all_GE,
                            const at::Tensor& logit_scale, int64_t rank, double label_smoothing);

/// Pulls each image to its long caption, and the image's principal components to its short caption; weighted by
/// `long_weight` and `short_weight`, of which 0 switches a term off.
///   pcm.side image: coarse image with short caption (Long-CLIP). text: image with the coarse long caption (HiMo-CLIP).
///   both: the sum of these two. none: image with short caption.
/// mine: rows of this rank, with gradient; all: the same rows of every rank, rows [rank*B, rank*B+B) equal `mine`.
/// Collective: no. Gather first; this is arithmetic.
/// Throws ShapeError if G is not a multiple of B.
LossTerms long_clip_loss(const Features& mine, const Features& all, const at::Tensor& logit_scale, int64_t rank, const LossConfig& config);

/// Which captions a step needs under this configuration.
bool needs_long_captions(const LossConfig& config);
bool needs_short_captions(const LossConfig& config);

}  // namespace longclip
