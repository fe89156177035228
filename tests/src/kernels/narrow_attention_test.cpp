// tests/src/kernels/narrow_attention_test.cpp -- attention and gradients in bfloat16 products against float64, also for large scores.
#include "kernels/narrow_attention.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "support/reference_data.h"

#include "support/catch.h"

namespace longclip {
namespace {

at::Tensor random(at::IntArrayRef shape, uint64_t seed) {
  return at::randn(shape, at::detail::createCPUGenerator(seed), at::TensorOptions().dtype(at::kDouble));
}

at::Tensor wide(const at::Tensor& x) { return x.detach().to(at::kDouble); }

double relative(const at::Tensor& got, const at::Tensor& wanted) {
  return wide(got).sub(wanted).norm().item<double>() / wanted.norm().item<double>();
}

/// Errors of the result, the log-sum-exp and each gradient. `size`: standard deviation of queries and keys, so size squared that of the scores.
void compare(int64_t length, int64_t heads, int64_t depth, bool causal, double size) {
  const at::Tensor packed = random({length, 3 * heads * depth}, 1).to(at::kBFloat16);
  const auto part = [&](int64_t i, double factor) { return packed.narrow(1, i * heads * depth, heads * depth).unflatten(1, {heads, depth}).mul(factor); };
  const at::Tensor q = part(0, size), k = part(1, size), v = part(2, 1), grad = random({length, heads, depth}, 2).to(at::kBFloat16);

  const auto leaf = [](const at::Tensor& x) { return wide(x).transpose(0, 1).contiguous().requires_grad_(true); };  // [H, L, D]
  const at::Tensor q_leaf = leaf(q), k_leaf = leaf(k), v_leaf = leaf(v);
  at::Tensor scores = q_leaf.matmul(k_leaf.transpose(1, 2)).div(std::sqrt(static_cast<double>(depth)));
  if (causal) scores = scores.masked_fill(at::ones({length, length}, at::kBool).triu(1), -INFINITY);
  const at::Tensor out = scores.softmax(-1).matmul(v_leaf);
  torch::autograd::backward({out}, {wide(grad).transpose(0, 1)});

  CAPTURE(length, heads, depth, causal, size);
  const at::Tensor packed_out = at::ones({length, 2, heads, depth}, grad.options()), grads = at::ones({length, 3, heads, depth}, grad.options());  // rows apart
  const SequenceAttention sequence{q, k, v, packed_out.select(1, 1), at::empty({length, heads}), causal};
  narrow_attention(sequence);
  const double worst_out = relative(sequence.out, out.detach().transpose(0, 1));
  const double worst_lse = wide(sequence.lse_LH).sub(scores.detach().logsumexp(-1).t()).abs().max().item<double>();
  test::report_difference("bfloat16 attention, relative l2", worst_out, 0.004);
  test::report_difference("its log-sum-exp, absolute", worst_lse, 2e-5);
  REQUIRE(worst_out <= 0.004);  // half of a last place of bfloat16
  REQUIRE(worst_lse <= 2e-5);
  REQUIRE(packed_out.select(1, 0).eq(1).all().item<bool>());

  narrow_attention_backward(sequence, grad, grads.select(1, 0), grads.select(1, 1), grads.select(1, 2));
  double worst = 0;
  for (const auto& [got, wanted] : {std::pair{grads.select(1, 0), q_leaf.grad()}, {grads.select(1, 1), k_leaf.grad()}, {grads.select(1, 2), v_leaf.grad()}}) {
    if (length == 1 && wanted.norm().item<double>() < 1e-12) continue;  // one key: its share is 1 whatever the score
    worst = std::max(worst, relative(got, wanted.transpose(0, 1)));
  }
  test::report_difference("bfloat16 attention gradients, relative l2", worst, 0.02);
  REQUIRE(worst <= 0.02);
}

}  // namespace

TEST_CASE("narrow_attention: output and gradients have bfloat16's errors at every length, with heads of any depth", "[kernels][unit]") {
  const bool causal = GENERATE(false, true);
  for (const int64_t length : {1, 2, 7, 8, 9, 50, 197}) compare(length, 3, 64, causal, 1);
  compare(31, 2, 80, causal, 1);
  compare(31, 4, 16, causal, 1);
}

TEST_CASE("narrow_attention: large scores, of which few keys get all, cost no accuracy", "[kernels][unit]") {
  compare(100, 3, 64, true, 2);
  compare(100, 3, 64, false, 3);
}

TEST_CASE("narrow_attention: a NaN among a query's values makes that query's result NaN and no other", "[kernels][unit]") {
  const at::Tensor rows = random({5, 3, 2, 64}, 3).to(at::kBFloat16);
  rows.select(0, 2).select(0, 0).select(0, 0).fill_(NAN);  // query 2 of head 0
  const SequenceAttention sequence{rows.select(1, 0), rows.select(1, 1), rows.select(1, 2), at::zeros({5, 2, 64}, rows.options()), at::empty({5, 2}), true};
  narrow_attention(sequence);
  const at::Tensor is_nan = sequence.out.isnan().all(-1);
  REQUIRE(is_nan.sum().item<int64_t>() == 1);
  REQUIRE(is_nan.select(0, 2).select(0, 0).item<bool>());
}

}  // namespace longclip
