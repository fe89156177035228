// tests/src/kernels/packed_attention_test.cpp -- packed attention against one plain softmax attention a sequence.
#include "kernels/packed_attention.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/softmax.h>
#include <torch/csrc/autograd/autograd.h>

#include <array>
#include <cmath>
#include <thread>

#include "base/random.h"
#include "support/reference_data.h"

#include "support/catch.h"

namespace longclip {
namespace {

at::Tensor random(std::vector<int64_t> shape, uint64_t seed, at::ScalarType dtype) {
  return at::randn(shape, at::detail::createCPUGenerator(seed), at::TensorOptions().dtype(at::kDouble)).to(dtype);
}

std::vector<int64_t> random_lengths(int64_t count, int64_t longest, uint64_t seed) {
  std::vector<int64_t> lengths{1, longest};
  for (uint64_t i = 2; i < static_cast<uint64_t>(count); ++i) {
    lengths.push_back(1 + static_cast<int64_t>(draw_below(mix_keys(seed, i), static_cast<uint64_t>(longest))));
  }
  return lengths;
}

/// Plain attention of one sequence with the textbook formula, q [R, W], k and v [M, W].
at::Tensor plain_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t heads, bool causal) {
  const auto split = [&](const at::Tensor& x) { return x.unflatten(1, {heads, -1}).transpose(0, 1); };
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(1) / heads));
  at::Tensor scores = split(q).matmul(split(k).transpose(1, 2)).mul(scale);
  if (causal) scores = scores.add(at::full_like(scores, -INFINITY).triu(1));
  return at::softmax(scores, -1).matmul(split(v)).transpose(0, 1).flatten(1);
}

at::Tensor plain_self(const at::Tensor& qkv, int64_t heads, const PackedOffsets& rows, bool causal) {
  std::vector<at::Tensor> out;
  for (int64_t i = 0; i < rows.num_sequences(); ++i) {
    const auto parts = qkv.narrow(0, rows.offsets[static_cast<size_t>(i)], rows.length(i)).chunk(3, 1);
    out.push_back(plain_attention(parts[0], parts[1], parts[2], heads, causal));
  }
  return at::cat(out);
}

double difference(const at::Tensor& a, const at::Tensor& b) {
  return a.detach().cpu().to(at::kDouble).sub(b.detach().cpu().to(at::kDouble)).abs().max().item<double>();
}

struct Result {
  at::Tensor out, grad;
};

/// Output and gradient of `attention` at `input`, for the loss sum(out * weights).
template <class Attention>
Result run(const at::Tensor& values, const at::Tensor& weights, Attention&& attention) {
  const at::Tensor input = values.detach().clone().requires_grad_(true);
  const at::Tensor out = attention(input);
  out.mul(weights).sum().backward();
  return {out, input.grad()};
}

void compare_self(at::Device device, at::ScalarType dtype, double tolerance) {
  constexpr int64_t kHeads = 4, kWidth = 64;
  const auto lengths = random_lengths(12, 248, 5);
  for (const bool causal : {false, true}) {
    const PackedOffsets rows = pack_lengths(lengths, device), rows_cpu = pack_lengths(lengths, at::kCPU);
    const at::Tensor qkv = random({rows.num_tokens(), 3 * kWidth}, 1, dtype), weights = random({rows.num_tokens(), kWidth}, 2, dtype);
    const Result packed = run(qkv.to(device), weights.to(device), [&](const at::Tensor& x) { return packed_self_attention(x, kHeads, rows, causal); });
    const Result plain = run(qkv.to(at::kDouble), weights.to(at::kDouble), [&](const at::Tensor& x) { return plain_self(x, kHeads, rows_cpu, causal); });
    const double worst = std::max(difference(packed.out, plain.out), difference(packed.grad, plain.grad));
    test::report_difference("packed self-attention and gradient", worst, tolerance);
    REQUIRE(worst <= tolerance);
  }
}

void compare_query(at::Device device, at::ScalarType dtype, double tolerance) {
  constexpr int64_t kHeads = 4, kWidth = 64;
  const auto lengths = random_lengths(12, 248, 6);
  const PackedOffsets rows = pack_lengths(lengths, device);
  const at::Tensor q = random({rows.num_sequences(), kWidth}, 3, dtype), kv = random({rows.num_tokens(), 2 * kWidth}, 4, dtype);
  const at::Tensor weights = random({rows.num_sequences(), kWidth}, 5, dtype);
  const auto plain = [&](const at::Tensor& queries, const at::Tensor& keys_values) {
    std::vector<at::Tensor> out;
    for (int64_t i = 0; i < rows.num_sequences(); ++i) {
      const auto parts = keys_values.narrow(0, rows.offsets[static_cast<size_t>(i)], rows.length(i)).chunk(2, 1);
      out.push_back(plain_attention(queries.narrow(0, i, 1), parts[0], parts[1], kHeads, false));
    }
    return at::cat(out);
  };
  const at::Tensor wide_q = q.to(at::kDouble), wide_kv = kv.to(at::kDouble), wide_weights = weights.to(at::kDouble);
  const Result by_q = run(q.to(device), weights.to(device), [&](const at::Tensor& x) { return packed_query_attention(x, kv.to(device), kHeads, rows); });
  const Result by_kv = run(kv.to(device), weights.to(device), [&](const at::Tensor& x) { return packed_query_attention(q.to(device), x, kHeads, rows); });
  const Result plain_q = run(wide_q, wide_weights, [&](const at::Tensor& x) { return plain(x, wide_kv); });
  const Result plain_kv = run(wide_kv, wide_weights, [&](const at::Tensor& x) { return plain(wide_q, x); });
  const double worst = std::max({difference(by_q.out, plain_q.out), difference(by_q.grad, plain_q.grad), difference(by_kv.grad, plain_kv.grad)});
  test::report_difference("packed query attention and gradients", worst, tolerance);
  REQUIRE(worst <= tolerance);
}

}  // namespace

TEST_CASE("packed_self_attention: output and gradient equal plain attention of each sequence", "[kernels][unit]") {
  compare_self(at::kCPU, at::kDouble, 1e-12);
  compare_self(at::kCPU, at::kFloat, 2e-5);
  compare_self(at::kCPU, at::kBFloat16, 0.15);
}

TEST_CASE("packed_query_attention: output and gradients equal plain attention of one query a sequence", "[kernels][unit]") {
  compare_query(at::kCPU, at::kDouble, 1e-12);
  compare_query(at::kCPU, at::kFloat, 2e-5);
}

TEST_CASE("packed attention: sequences are shared out among the threads, and their number changes no bit", "[kernels][unit]") {
  const int before = at::get_num_threads();
  const at::ScalarType dtype = GENERATE(at::kFloat, at::kBFloat16);
  const PackedOffsets rows = pack_lengths(random_lengths(9, 120, 7), at::kCPU);
  const at::Tensor qkv = random({rows.num_tokens(), 3 * 64}, 1, dtype), weights = random({rows.num_tokens(), 64}, 2, dtype);
  const auto with_threads = [&](int threads) {
    at::set_num_threads(threads);
    return run(qkv, weights, [&](const at::Tensor& x) { return packed_self_attention(x, 4, rows, true); });
  };
  const Result alone = with_threads(1), shared = with_threads(2);
  std::array<std::thread::id, 2> ids;  // at::parallel_for runs on one thread, and says nothing, in a file compiled without OpenMP
  at::parallel_for(0, 2, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) ids[static_cast<size_t>(i)] = std::this_thread::get_id();
  });
  at::set_num_threads(before);
  REQUIRE(alone.out.equal(shared.out));
  REQUIRE(alone.grad.equal(shared.grad));
  REQUIRE(ids[0] != ids[1]);
}

TEST_CASE("packed attention: a row count that does not fit the offsets is a shape error", "[kernels][unit]") {
  const PackedOffsets rows = pack_lengths({3, 4}, at::kCPU);
  REQUIRE_THROWS_WITH(packed_self_attention(random({8, 96}, 1, at::kFloat), 4, rows, true), ContainsSubstring("expected [7, any]"));
}

TEST_CASE("packed attention: CUDA equals plain attention in fp32, bf16 and fp16", "[kernels][.gpu]") {
  compare_self(at::kCUDA, at::kFloat, 2e-5);
  compare_self(at::kCUDA, at::kBFloat16, 0.15);
  compare_self(at::kCUDA, at::kHalf, 0.02);
  compare_query(at::kCUDA, at::kFloat, 2e-5);
  compare_query(at::kCUDA, at::kBFloat16, 0.15);
}

}  // namespace longclip
