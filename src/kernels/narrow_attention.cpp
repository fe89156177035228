// kernels/narrow_attention.cpp -- batched matrix products of all heads of a sequence: two forward, five backward. A bfloat16 product
// rounds what it writes, so scores of 10 would be wrong by 0.03. Therefore the forward pass takes scores from a float32 product,
// and backward the products write S - lse and dP - delta at once, which are small where it matters: lse and delta ride along as
// more columns, each split into three bfloat16 numbers whose sum is exact enough.
#include "kernels/narrow_attention.h"

#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/util/BFloat16.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "kernels/softmax_loops.h"

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

/// The first L of P rows: [H, P, D] -> [L, H, D].
void write_back(const at::Tensor& padded_HPD, const at::Tensor& rows_LHD) {
  const int64_t length = rows_LHD.size(0), heads = rows_LHD.size(1), depth = rows_LHD.size(2);
  const auto* from = padded_HPD.const_data_ptr<Half16>();
  auto* to = rows_LHD.mutable_data_ptr<Half16>();
  for (int64_t row = 0; row < length; ++row) {
    for (int64_t head = 0; head < heads; ++head) {
      std::memcpy(to + row * rows_LHD.stride(0) + head * rows_LHD.stride(1), from + (head * padded_HPD.size(1) + row) * depth, static_cast<size_t>(depth) * sizeof(Half16));
    }
  }
}

int64_t padded_length(const SequenceAttention& s) { return (s.q.size(0) + kLengthMultiple - 1) / kLengthMultiple * kLengthMultiple; }

double scale_of(const SequenceAttention& s) { return 1 / std::sqrt(static_cast<double>(s.q.size(2))); }

/// alpha * (a @ b) for each head.
at::Tensor scaled_product(const at::Tensor& a, const at::Tensor& b, double alpha) {
  return at::baddbmm(at::empty({1, 1, 1}, a.options()), a, b, /*beta=*/0, alpha);
}

/// Where row `row` of head `head` begins in [H, P, P].
BFloat16Bits* scores_of(const at::Tensor& scores_HPP, int64_t head, int64_t row) {
  return static_cast<BFloat16Bits*>(scores_HPP.data_ptr()) + (head * scores_HPP.size(1) + row) * scores_HPP.size(2);
}

/// exp of each score in place; with causal, 0 for the keys behind a query.
void exponentials(const at::Tensor& scores_HPP, bool causal) {
  const int64_t padded = scores_HPP.size(1);
  const auto& loops = softmax_loops();
  if (!causal) return loops.exponentials(scores_of(scores_HPP, 0, 0), scores_HPP.numel());
  for (int64_t head = 0; head < scores_HPP.size(0); ++head) {
    for (int64_t row = 0; row < padded; ++row) {
      BFloat16Bits* const scores = scores_of(scores_HPP, head, row);
      loops.exponentials(scores, row + 1);
      std::fill(scores + row + 1, scores + padded, BFloat16Bits{});
    }
  }
}

/// Softmax of float32 scores [H, L, L] as bfloat16 [H, P, P], zeros behind L; fills lse_LH.
at::Tensor attention_weights(const at::Tensor& scores_HLL, const SequenceAttention& s) {
  const int64_t heads = scores_HLL.size(0), length = scores_HLL.size(1), padded = padded_length(s);
  const at::Tensor weights_HPP = at::empty({heads, padded, padded}, s.q.options());
  auto* scores = scores_HLL.mutable_data_ptr<float>();
  auto* lse = s.lse_LH.mutable_data_ptr<float>();
  for (int64_t head = 0; head < heads; ++head) {
    for (int64_t row = 0; row < padded; ++row) {
      BFloat16Bits* const weights = scores_of(weights_HPP, head, row);
      const int64_t seen = row >= length ? 0 : s.causal ? row + 1 : length;
      if (seen > 0) {
        lse[row * s.lse_LH.stride(0) + head * s.lse_LH.stride(1)] = softmax_loops().softmax(scores, weights, seen);
        scores += length;
      }
      std::fill(weights + seen, weights + padded, BFloat16Bits{});
    }
  }
  return weights_HPP;
}

float product_of_rows(const Half16* a, const Half16* b, int64_t depth) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < depth; ++i) sum += static_cast<float>(a[i]) * static_cast<float>(b[i]);
  return sum;
}

}  // namespace

void narrow_attention(const SequenceAttention& s) {
  const int64_t length = s.q.size(0), heads = s.q.size(1), depth = s.q.size(2);
  const auto float_heads = [&](const at::Tensor& rows_LHD) {
    return at::empty({heads, length, depth}, rows_LHD.options().dtype(at::kFloat)).copy_(rows_LHD.transpose(0, 1));
  };
  const at::Tensor scores_HLL = scaled_product(float_heads(s.q), float_heads(s.k).transpose(1, 2), scale_of(s));
  const at::Tensor weights_HPP = attention_weights(scores_HLL, s);
  const at::Tensor v_HPD = at::zeros({heads, weights_HPP.size(2), depth}, s.v.options());
  v_HPD.narrow(1, 0, length).copy_(s.v.transpose(0, 1));
  write_back(at::bmm(weights_HPP, v_HPD), s.out);
}

void narrow_attention_backward(const SequenceAttention& s, const at::Tensor& grad_out, const at::Tensor& grad_q, const at::Tensor& grad_k, const at::Tensor& grad_v) {
  const int64_t depth = s.q.size(2), padded = padded_length(s);
  const double scale = scale_of(s);
  const auto* lse = s.lse_LH.const_data_ptr<float>();
  const More zeros = in_parts(0, 0);
  const More keys{Half16(1.F), Half16(1.F), Half16(1.F), Half16(0.F)}, padded_keys{Half16(0.F), Half16(0.F), Half16(0.F), Half16(kMasked)};
  const at::Tensor q = widened(s.q, padded, zeros, [&](int64_t row, int64_t head) {
    return in_parts(static_cast<float>(-static_cast<double>(lse[row * s.lse_LH.stride(0) + head * s.lse_LH.stride(1)]) / scale), 1);
  });
  const at::Tensor k = widened(s.k, padded, padded_keys, [&](int64_t, int64_t) { return keys; });
  const at::Tensor grad = widened(grad_out, padded, zeros, [&](int64_t row, int64_t head) {
    return in_parts(-product_of_rows(head_of(grad_out, row, head), head_of(s.out, row, head), depth), 0);
  });
  const at::Tensor v = widened(s.v, padded, keys, [&](int64_t, int64_t) { return keys; });
  const auto without_more = [&](const at::Tensor& wide) { return wide.narrow(2, 0, depth); };

  const at::Tensor p_HPP = scaled_product(q, k.transpose(1, 2), scale);
  exponentials(p_HPP, s.causal);
  write_back(at::bmm(p_HPP.transpose(1, 2), without_more(grad)), grad_v);
  const at::Tensor ds_HPP = at::bmm(grad, v.transpose(1, 2)).mul_(p_HPP);
  write_back(scaled_product(ds_HPP, without_more(k), scale), grad_q);
  write_back(scaled_product(ds_HPP.transpose(1, 2), without_more(q), scale), grad_k);
}

}  // namespace longclip
