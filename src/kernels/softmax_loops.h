#pragma once
// kernels/softmax_loops.h -- the two loops of attention over one row of scores, as vector code. Torch-free.

#include "kernels/vector_loops.h"

namespace longclip {

/// Arithmetic is float32. Weights below e^-87 of the largest are 0; a NaN among the scores makes the row NaN.
struct SoftmaxLoops {
  /// weights = softmax(scores), and returns log(sum(exp(scores))). Writes over the scores. count > 0
  float (*softmax)(float* scores, BFloat16Bits* weights, int64_t count);
  /// values[i] = exp(values[i]), of values <= 87
  void (*exponentials)(BFloat16Bits* values, int64_t count);
};

/// The quickest loops for this processor.
const SoftmaxLoops& softmax_loops();

}  // namespace longclip
