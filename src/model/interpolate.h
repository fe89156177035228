#pragma once
// model/interpolate.h -- weights between two checkpoints (WiSE-FT), against what fine-tuning forgets.
// Source: Wortsman et al., Robust fine-tuning of zero-shot models, arXiv:2109.01903, section 3.

#include "model/clip_file.h"

namespace longclip {

/// (1 - weight) * a + weight * b of every tensor, in float32; weight 0 gives a, 1 gives b, bit for bit. logit_scale, the
/// logarithm, is treated as every other tensor, as the authors' code does: its exponential is the geometric mean.
/// `a` is usually the stretched model before fine-tuning, `b` after. Both are whole CLIPs or both text encoders of one
/// architecture; how the table was stretched is taken from b, or from a where b does not say it.
/// Throws InputError for a weight outside 0..1, and one that lists every difference of the architectures; `a_name` and
/// `b_name` stand for them in it. Positions that differ: with the command that stretches the shorter one.
/// Memory: both models.
AnyWeights interpolate(AnyWeights a, AnyWeights b, double weight, const std::string& a_name, const std::string& b_name);

}  // namespace longclip
