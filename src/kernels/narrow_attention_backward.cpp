// kernels/narrow_attention_backward.cpp -- five batched matrix products a sequence. A bfloat16 product rounds what it writes, so
// scores of 10 would be wrong by 0.03. Therefore the products write S - lse and dP - delta at once, which are small where it
// matters: lse and delta ride along as more columns, each split into three bfloat16 numbers whose sum is exact enough.
#include "kernels/narrow_attention_backward.h"

#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty.h>
#include <c10/util/BFloat16.h>

#include <array>
#include <cmath>
#include <cstring>

namespace longclip {
namespace {

using Half16 = c10::BFloat16;

constexpr int64_t kMore = 4;             // columns behind the D of a head: three parts, and the mask of padded rows
constexpr int64_t kLengthMultiple = 8;   // oneDNN makes a kernel for each length it sees; this many fewer
constexpr float kMasked = -30000;        // exp of it, times any usual scale, is 0

using More = std::array<Half16, kMore>;

/// value as the sum of three bfloat16 numbers.
More in_parts(float value, float mask) {
  More more;
  for (int i = 0; i < 3; ++i) {
    more[static_cast<size_t>(i)] = Half16(value);
    value -= static_cast<float>(more[static_cast<size_t>(i)]);
  }
  more[3] = Half16(mask);
  return more;
}

const Half16* head_of(const at::Tensor& rows_LHD, int64_t row, int64_t head) {
  return rows_LHD.const_data_ptr<Half16>() + row * rows_LHD.stride(0) + head * rows_LHD.stride(1);
}

/// [L, H, D] -> [H, P, D + kMore] for P >= L: more(row, head) behind each row, and `padding` behind zeros in the rows from L on.
template <class Function> at::Tensor widened(const at::Tensor& rows_LHD, int64_t padded, const More& padding, Function&& more) {
  const int64_t length = rows_LHD.size(0), heads = rows_LHD.size(1), depth = rows_LHD.size(2), width = depth + kMore;
  at::Tensor wide = at::empty({heads, padded, width}, rows_LHD.options());
  auto* to = wide.mutable_data_ptr<Half16>();
  for (int64_t row = 0; row < padded; ++row) {  // row after row, as they lie in memory
    for (int64_t head = 0; head < heads; ++head) {
      auto* const place = to + (head * padded + row) * width;
      const bool is_real = row < length;
      if (is_real) std::memcpy(place, head_of(rows_LHD, row, head), static_cast<size_t>(depth) * sizeof(Half16));
      else std::memset(static_cast<void*>(place), 0, static_cast<size_t>(depth) * sizeof(Half16));
      const More last = is_real ? more(row, head) : padding;
      std::memcpy(place + depth, last.data(), sizeof last);
    }
  }
  return wide;
}

/// The first L rows and D columns of [H, P, D + kMore].
void write_back(const at::Tensor& wide, const at::Tensor& rows_LHD) {
  const int64_t length = rows_LHD.size(0), heads = rows_LHD.size(1), depth = rows_LHD.size(2);
  const auto* from = wide.const_data_ptr<Half16>();
  auto* to = rows_LHD.mutable_data_ptr<Half16>();
  for (int64_t row = 0; row < length; ++row) {
    for (int64_t head = 0; head < heads; ++head) {
      std::memcpy(to + row * rows_LHD.stride(0) + head * rows_LHD.stride(1), from + (head * wide.size(1) + row) * wide.size(2), static_cast<size_t>(depth) * sizeof(Half16));
    }
  }
}

float product_of_rows(const Half16* a, const Half16* b, int64_t depth) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < depth; ++i) sum += static_cast<float>(a[i]) * static_cast<float>(b[i]);
  return sum;
}

}  // namespace

bool has_fast_bfloat16_products() {
#if defined(__x86_64__) && defined(__GNUC__)
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

void narrow_attention_backward(const SequenceAttention& s, const at::Tensor& grad_q, const at::Tensor& grad_k, const at::Tensor& grad_v) {
  const int64_t length = s.q.size(0), depth = s.q.size(2), padded = (length + kLengthMultiple - 1) / kLengthMultiple * kLengthMultiple;
  const double scale = 1 / std::sqrt(static_cast<double>(depth));
  const auto* lse = s.lse_LH.const_data_ptr<float>();
  const More zeros = in_parts(0, 0);
  const More keys{Half16(1.F), Half16(1.F), Half16(1.F), Half16(0.F)}, padded_keys{Half16(0.F), Half16(0.F), Half16(0.F), Half16(kMasked)};
  const at::Tensor q = widened(s.q, padded, zeros, [&](int64_t row, int64_t head) {
    return in_parts(static_cast<float>(-static_cast<double>(lse[row * s.lse_LH.stride(0) + head * s.lse_LH.stride(1)]) / scale), 1);
  });
  const at::Tensor k = widened(s.k, padded, padded_keys, [&](int64_t, int64_t) { return keys; });
  const at::Tensor grad = widened(s.grad_out, padded, zeros, [&](int64_t row, int64_t head) {
    return in_parts(-product_of_rows(head_of(s.grad_out, row, head), head_of(s.out, row, head), depth), 0);
  });
  const at::Tensor v = widened(s.v, padded, keys, [&](int64_t, int64_t) { return keys; });

  const at::Tensor nothing = at::empty({1, 1, 1}, q.options());
  const auto scaled = [&](const at::Tensor& a, const at::Tensor& b) { return at::baddbmm(nothing, a, b, /*beta=*/0, scale); };
  at::Tensor p_HPP = scaled(q, k.transpose(1, 2)).exp_();
  if (s.causal) p_HPP.tril_();
  write_back(at::bmm(p_HPP.transpose(1, 2), grad), grad_v);
  const at::Tensor ds_HPP = at::bmm(grad, v.transpose(1, 2)).mul_(p_HPP);
  write_back(scaled(ds_HPP, k), grad_q);
  write_back(scaled(ds_HPP.transpose(1, 2), q), grad_k);
}

}  // namespace longclip
