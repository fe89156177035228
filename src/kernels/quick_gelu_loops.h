#pragma once
// kernels/quick_gelu_loops.h -- QuickGELU and its gradient over plain arrays, one pass each; with AVX-512 or AVX2 where the
// processor has it. Torch-free.

#include "kernels/vector_loops.h"

namespace longclip {

/// Arithmetic is float32 for both types; the sigmoid's relative error is below 3e-7. Arrays must not overlap.
template <class Scalar> struct QuickGeluLoops {
  /// y[i] = x[i] * sigmoid(1.702 x[i])
  void (*forward)(const Scalar* x, Scalar* y, int64_t count);
  /// grad_x[i] = grad_y[i] * (s + 1.702 x[i] s (1 - s)), s = sigmoid(1.702 x[i]); y[i] as forward() gives it
  void (*backward)(const Scalar* grad_y, const Scalar* x, Scalar* grad_x, Scalar* y, int64_t count);
};

/// The quickest loops for this processor; Scalar is float or BFloat16Bits.
template <class Scalar> const QuickGeluLoops<Scalar>& quick_gelu_loops();

}  // namespace longclip
