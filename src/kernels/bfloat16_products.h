#pragma once
// kernels/bfloat16_products.h -- whether bfloat16 matrix products are worth their own ways on a CPU.

#include <ATen/Context.h>

namespace longclip {

/// This processor has instructions for bfloat16 products, and LibTorch has oneDNN, which uses them.
inline bool has_fast_bfloat16_products() {
#if defined(__x86_64__) && defined(__GNUC__)
  return __builtin_cpu_supports("avx512bf16") != 0 && at::hasMKLDNN();
#else
  return false;
#endif
}

}  // namespace longclip
