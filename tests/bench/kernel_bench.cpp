// tests/bench/kernel_bench.cpp -- the parts of a step that are ours (Google Benchmark): packed attention,
// QuickGELU, coarse features; each forward and backward. Sizes are those of ViT-B/16 at 8 pairs and at 256.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/randn_like.h>
#include <benchmark/benchmark.h>
#include <torch/cuda.h>
#include <torch/csrc/autograd/autograd.h>

#include "kernels/activation.h"
#include "kernels/packed_attention.h"
#include "loss/coarse_features.h"
#include "machine.h"
#include "tensors/device_memory.h"
#include "tensors/tensor_pool.h"

namespace longclip {
namespace {

at::Tensor random_leaf(at::IntArrayRef shape, at::ScalarType dtype) {
  return at::randn(shape, at::detail::createCPUGenerator(1), at::TensorOptions().dtype(at::kFloat))
      .to(dtype)
      .requires_grad_(true);
}

at::ScalarType dtype_of(const benchmark::State& state) { return state.range(0) == 16 ? at::kBFloat16 : at::kFloat; }

/// function(x) and its gradient, once an iteration.
template <class Function> void forward_and_backward(benchmark::State& state, const at::Tensor& x, Function&& function) {
  const at::Tensor grad_of_y = at::randn_like(function(x).detach());
  for (auto iteration : state) {
    x.mutable_grad().reset();
    torch::autograd::backward({function(x)}, {grad_of_y});
    bench::synchronize(x.device());
    benchmark::DoNotOptimize(x.grad());
  }
}

void long_captions(benchmark::State& state) {  // 8 texts of 178 tokens, 8 heads of 64, causal
  const PackedOffsets rows = pack_equal(8, 178, at::kCPU);
  const at::Tensor qkv = random_leaf({rows.num_tokens(), 3 * 512}, dtype_of(state));
  forward_and_backward(state, qkv, [&](const at::Tensor& x) { return packed_self_attention(x, 8, rows, true); });
  state.SetItemsProcessed(state.iterations() * rows.num_tokens());
}

void pictures(benchmark::State& state) {  // 8 pictures of 197 tokens, 12 heads of 64
  const PackedOffsets rows = pack_equal(8, 197, at::kCPU);
  const at::Tensor qkv = random_leaf({rows.num_tokens(), 3 * 768}, dtype_of(state));
  forward_and_backward(state, qkv, [&](const at::Tensor& x) { return packed_self_attention(x, 12, rows, false); });
  state.SetItemsProcessed(state.iterations() * rows.num_tokens());
}

void quick_gelu_of_pictures(benchmark::State& state) {
  const at::Tensor hidden = random_leaf({8 * 197, 3072}, dtype_of(state)).detach();
  for (auto iteration : state) benchmark::DoNotOptimize(quick_gelu_backward(quick_gelu(hidden), hidden).y);
  state.SetItemsProcessed(state.iterations() * hidden.numel());
}

void coarse_features_of(benchmark::State& state) {  // rows, width, on a GPU
  if (state.range(2) == 1 && !torch::cuda::is_available()) return state.SkipWithError("there is no GPU here");
  if (state.range(2) == 0) use_tensor_pool();  // as Trainer does
  const at::Tensor raw = random_leaf({state.range(0), state.range(1)}, at::kFloat).detach().to(state.range(2) == 1 ? at::kCUDA : at::kCPU);
  const at::Tensor unit = raw.div(at::linalg_vector_norm(raw, 2, {1}, true)).requires_grad_(true);
  forward_and_backward(state, unit, [](const at::Tensor& x) { return coarse_features(x, Components{}).coarse_nE; });
}

BENCHMARK(long_captions)->ArgName("bits")->Arg(32)->Arg(16)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(pictures)->ArgName("bits")->Arg(32)->Arg(16)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(quick_gelu_of_pictures)->ArgName("bits")->Arg(32)->Arg(16)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(coarse_features_of)
    ->ArgNames({"rows", "width", "cuda"})
    ->ArgsProduct({{256}, {512}, {0, 1}})
    ->ArgsProduct({{1024}, {768}, {0, 1}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace longclip
