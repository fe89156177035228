// kernels/packed_attention.cpp -- three ways to attend inside packed sequences: on a CPU a kernel for each sequence, CUDA
// flash varlen kernel, padded scaled-dot-product attention. The first two are autograd functions on the packed rows, so that
// one gradient tensor is written in place; the third is built of differentiable operations.
#include "kernels/packed_attention.h"

#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/_flash_attention_backward.h>
#include <ATen/ops/_flash_attention_forward.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu_backward.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/tensor.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <atomic>

#include "base/error.h"
#include "kernels/bfloat16_products.h"
#include "kernels/narrow_attention.h"
#include "tensors/shape.h"
#include "tensors/transfer.h"

namespace longclip {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Query, key and value rows of all sequences, [rows, H, D] each, views of the packed inputs.
struct Heads {
  at::Tensor q, k, v;
};

/// Which rows belong together. Queries have their own offsets: all rows (self-attention) or one row a sequence.
struct Plan {
  PackedOffsets queries, keys;
  bool causal = false;
};

at::Tensor split_heads(const at::Tensor& rows, int64_t part, int64_t num_parts, int64_t num_heads) {
  const int64_t width = rows.size(1) / num_parts;
  return rows.narrow(1, part * width, width).unflatten(1, {num_heads, width / num_heads});
}

Heads self_heads(const at::Tensor& qkv_T3W, int64_t num_heads) {
  return {split_heads(qkv_T3W, 0, 3, num_heads), split_heads(qkv_T3W, 1, 3, num_heads), split_heads(qkv_T3W, 2, 3, num_heads)};
}

Heads query_heads(const at::Tensor& q_NW, const at::Tensor& kv_T2W, int64_t num_heads) {
  return {split_heads(q_NW, 0, 1, num_heads), split_heads(kv_T2W, 0, 2, num_heads), split_heads(kv_T2W, 1, 2, num_heads)};
}

/// The rows of one sequence, a view.
at::Tensor rows_of(const at::Tensor& rows, const PackedOffsets& offsets, int64_t sequence) {
  return rows.narrow(0, offsets.offsets[static_cast<size_t>(sequence)], offsets.length(sequence));
}

/// [rows, H, D] -> [1, H, length, D] of one sequence, a view.
at::Tensor of_sequence(const at::Tensor& rows_RHD, const PackedOffsets& offsets, int64_t sequence) {
  return rows_of(rows_RHD, offsets, sequence).transpose(0, 1).unsqueeze(0);
}

/// out_RHD [query rows, H, D] and the log-sum-exp: on CPU one row of lse_RH a query row, on CUDA the kernel's own layout.
struct Attended {
  at::Tensor out_RHD, lse, rng_state, unused;
};

/// function(i) for each sequence. A thread takes the next one when it is done with its last: lengths differ. Of few sequences on many threads
/// one comes after the other, and the threads work on that together.
template <class Function> void for_each_sequence(const PackedOffsets& packed, Function&& function) {
  const int64_t count = packed.num_sequences(), threads = at::get_num_threads();
  std::atomic<int64_t> next{0};
  at::parallel_for(0, 2 * count <= threads ? 1 : std::min(count, threads), 1, [&](int64_t, int64_t) {
    const at::AutoDispatchBelowADInplaceOrView no_autograd;  // thread-local: each worker needs its own
    for (int64_t i = next++; i < count; i = next++) function(i);
  });
}

/// Self-attention in bfloat16, where the processor multiplies that fast.
bool is_narrow(const Heads& heads, const Plan& plan) {
  static const bool is_fast = has_fast_bfloat16_products();
  return is_fast && heads.q.scalar_type() == at::kBFloat16 && heads.q.stride(2) == 1 && heads.q.size(0) == heads.k.size(0) && plan.queries.max_length > 1;
}

SequenceAttention narrow_sequence(const Heads& heads, const Attended& attended, const Plan& plan, int64_t i) {
  return {rows_of(heads.q, plan.keys, i), rows_of(heads.k, plan.keys, i), rows_of(heads.v, plan.keys, i), rows_of(attended.out_RHD, plan.keys, i),
          rows_of(attended.lse, plan.keys, i), plan.causal};
}

void flash_cpu(const Heads& heads, const Plan& plan, const Attended& result, int64_t i) {
  const auto [out, lse] = at::_scaled_dot_product_flash_attention_for_cpu(
      of_sequence(heads.q, plan.queries, i), of_sequence(heads.k, plan.keys, i), of_sequence(heads.v, plan.keys, i), 0.0, plan.causal);
  of_sequence(result.out_RHD, plan.queries, i).copy_(out);
  of_sequence(result.lse.unsqueeze(2), plan.queries, i).squeeze(3).copy_(lse);
}

Attended attend_cpu(const Heads& heads, const Plan& plan) {
  Attended result;
  result.out_RHD = at::empty(heads.q.sizes(), heads.q.options());
  const auto statistics = heads.q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  result.lse = at::empty({heads.q.size(0), heads.q.size(1)}, heads.q.options().dtype(statistics));
  const bool narrow = is_narrow(heads, plan);
  for_each_sequence(plan.keys, [&](int64_t i) {
    narrow ? narrow_attention(narrow_sequence(heads, result, plan, i)) : flash_cpu(heads, plan, result, i);
  });
  return result;
}

void flash_cpu_backward(const at::Tensor& grad_RHD, const Heads& heads, const Attended& saved, const Plan& plan, const Heads& grads, int64_t i) {
  const auto [grad_q, grad_k, grad_v] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
      of_sequence(grad_RHD, plan.queries, i), of_sequence(heads.q, plan.queries, i), of_sequence(heads.k, plan.keys, i),
      of_sequence(heads.v, plan.keys, i), of_sequence(saved.out_RHD, plan.queries, i),
      of_sequence(saved.lse.unsqueeze(2), plan.queries, i).squeeze(3).contiguous(), 0.0, plan.causal);
  of_sequence(grads.q, plan.queries, i).copy_(grad_q);
  of_sequence(grads.k, plan.keys, i).copy_(grad_k);
  of_sequence(grads.v, plan.keys, i).copy_(grad_v);
}

void attend_cpu_backward(const at::Tensor& grad_RHD, const Heads& heads, const Attended& saved, const Plan& plan, const Heads& grads) {
  const bool narrow = is_narrow(heads, plan);
  const at::Tensor grad = narrow ? grad_RHD.contiguous() : grad_RHD;
  for_each_sequence(plan.keys, [&](int64_t i) {
    if (!narrow) return flash_cpu_backward(grad, heads, saved, plan, grads, i);
    narrow_attention_backward(narrow_sequence(heads, saved, plan, i), rows_of(grad, plan.keys, i), rows_of(grads.q, plan.keys, i), rows_of(grads.k, plan.keys, i),
                              rows_of(grads.v, plan.keys, i));
  });
}

Attended attend_cuda(const Heads& heads, const Plan& plan) {
  Attended result;
  at::Tensor debug_mask;
  std::tie(result.out_RHD, result.lse, result.rng_state, result.unused, debug_mask) = at::_flash_attention_forward(
      heads.q, heads.k, heads.v, plan.queries.offsets_N1, plan.keys.offsets_N1, plan.queries.max_length, plan.keys.max_length, 0.0,
      plan.causal, /*return_debug_mask=*/false);
  return result;
}

Heads attend_cuda_backward(const at::Tensor& grad_RHD, const Heads& heads, const Attended& saved, const Plan& plan) {
  const auto [grad_q, grad_k, grad_v] = at::_flash_attention_backward(
      grad_RHD.contiguous(), heads.q, heads.k, heads.v, saved.out_RHD, saved.lse, plan.queries.offsets_N1, plan.keys.offsets_N1,
      plan.queries.max_length, plan.keys.max_length, 0.0, plan.causal, saved.rng_state, saved.unused);
  return {grad_q, grad_k, grad_v};
}

Attended attend(const Heads& heads, const Plan& plan) {
  RECORD_FUNCTION("longclip::packed_attention", std::vector<c10::IValue>{});
  return heads.q.is_cuda() ? attend_cuda(heads, plan) : attend_cpu(heads, plan);
}

/// The plan travels in the autograd context.
struct SavedPlan : torch::CustomClassHolder {
  SavedPlan(Plan saved_plan, int64_t heads) : plan(std::move(saved_plan)), num_heads(heads) {}
  Plan plan;
  int64_t num_heads;
};

/// Of queries, keys and values side by side: [T, 3W].
at::Tensor self_backward(const at::Tensor& grad_RHD, const at::Tensor& qkv_T3W, const Attended& saved, const SavedPlan& plan) {
  RECORD_FUNCTION("longclip::packed_attention_backward", std::vector<c10::IValue>{});
  const Heads heads = self_heads(qkv_T3W, plan.num_heads);
  if (qkv_T3W.is_cuda()) {
    const Heads grads = attend_cuda_backward(grad_RHD, heads, saved, plan.plan);
    return at::cat({grads.q.flatten(1), grads.k.flatten(1), grads.v.flatten(1)}, 1);
  }
  const at::Tensor grad_T3W = at::empty_like(qkv_T3W);
  attend_cpu_backward(grad_RHD, heads, saved, plan.plan, self_heads(grad_T3W, plan.num_heads));
  return grad_T3W;
}

/// Of the queries [N, W], and of keys and values side by side [T, 2W].
std::pair<at::Tensor, at::Tensor> query_backward(const at::Tensor& grad_RHD, const at::Tensor& q_NW, const at::Tensor& kv_T2W, const Attended& saved, const SavedPlan& plan) {
  RECORD_FUNCTION("longclip::packed_attention_backward", std::vector<c10::IValue>{});
  const Heads heads = query_heads(q_NW, kv_T2W, plan.num_heads);
  if (q_NW.is_cuda()) {
    const Heads grads = attend_cuda_backward(grad_RHD, heads, saved, plan.plan);
    return {grads.q.flatten(1), at::cat({grads.k.flatten(1), grads.v.flatten(1)}, 1)};
  }
  const at::Tensor grad_NW = at::empty_like(q_NW), grad_T2W = at::empty_like(kv_T2W);
  attend_cpu_backward(grad_RHD, heads, saved, plan.plan, query_heads(grad_NW, grad_T2W, plan.num_heads));
  return {grad_NW, grad_T2W};
}

void save_attended(AutogradContext* context, variable_list inputs, const Attended& result, c10::intrusive_ptr<SavedPlan> plan) {
  inputs.insert(inputs.end(), {result.out_RHD, result.lse, result.rng_state, result.unused});
  context->save_for_backward(std::move(inputs));
  context->saved_data["plan"] = c10::IValue::make_capsule(std::move(plan));
}

c10::intrusive_ptr<SavedPlan> saved_plan(AutogradContext* context) {
  return c10::static_intrusive_pointer_cast<SavedPlan>(context->saved_data["plan"].toCapsule());
}

struct SelfAttention : torch::autograd::Function<SelfAttention> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& qkv_T3W, const c10::intrusive_ptr<SavedPlan>& plan) {
    const Attended result = attend(self_heads(qkv_T3W, plan->num_heads), plan->plan);
    save_attended(context, {qkv_T3W}, result, plan);
    return result.out_RHD.flatten(1);
  }
  static variable_list backward(AutogradContext* context, const variable_list& grad_outputs) {
    const variable_list saved = context->get_saved_variables();
    const auto plan = saved_plan(context);
    return {self_backward(split_heads(grad_outputs[0], 0, 1, plan->num_heads), saved[0], {saved[1], saved[2], saved[3], saved[4]}, *plan), at::Tensor()};
  }
};

struct QueryAttention : torch::autograd::Function<QueryAttention> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& q_NW, const at::Tensor& kv_T2W,
                            const c10::intrusive_ptr<SavedPlan>& plan) {
    const Attended result = attend(query_heads(q_NW, kv_T2W, plan->num_heads), plan->plan);
    save_attended(context, {q_NW, kv_T2W}, result, plan);
    return result.out_RHD.flatten(1);
  }
  static variable_list backward(AutogradContext* context, const variable_list& grad_outputs) {
    const variable_list saved = context->get_saved_variables();
    const auto plan = saved_plan(context);
    const auto [grad_NW, grad_T2W] =
        query_backward(split_heads(grad_outputs[0], 0, 1, plan->num_heads), saved[0], saved[1], {saved[2], saved[3], saved[4], saved[5]}, *plan);
    return {grad_NW, grad_T2W, at::Tensor()};
  }
};

/// Row index of every padded place [N * longest]; places behind the end of a sequence repeat its first row.
at::Tensor padded_rows(const PackedOffsets& packed, at::Device device) {
  std::vector<int64_t> index;
  for (int64_t i = 0; i < packed.num_sequences(); ++i) {
    const int64_t start = packed.offsets[static_cast<size_t>(i)];
    for (int64_t j = 0; j < packed.max_length; ++j) index.push_back(j < packed.length(i) ? start + j : start);
  }
  return to_device(at::tensor(index, at::kLong), device);
}

/// For dtypes without a varlen kernel: pads keys to the longest sequence and masks what was added.
at::Tensor attend_padded(const Heads& heads, const Plan& plan) {
  const int64_t num_sequences = plan.keys.num_sequences();
  const auto pad = [&](const at::Tensor& rows_RHD, const PackedOffsets& packed) {
    return rows_RHD.index_select(0, padded_rows(packed, rows_RHD.device())).unflatten(0, {num_sequences, packed.max_length}).transpose(1, 2);
  };
  const at::Device device = heads.q.device();
  const at::Tensor key_N1 = at::arange(plan.keys.max_length, at::TensorOptions().device(device)).view({1, 1, 1, -1});
  const at::Tensor lengths_N = plan.keys.offsets_N1.diff().to(at::kLong).view({-1, 1, 1, 1});
  at::Tensor visible = key_N1.lt(lengths_N);  // [N, 1, 1, longest]
  if (plan.causal) visible = visible.logical_and(key_N1.le(key_N1.transpose(2, 3)));
  const at::Tensor out_NHRD = at::scaled_dot_product_attention(pad(heads.q, plan.queries), pad(heads.k, plan.keys), pad(heads.v, plan.keys), visible);
  std::vector<int64_t> real;
  for (int64_t i = 0; i < num_sequences; ++i) {
    for (int64_t j = 0; j < plan.queries.length(i); ++j) real.push_back(i * plan.queries.max_length + j);
  }
  return out_NHRD.transpose(1, 2).flatten(0, 1).index_select(0, to_device(at::tensor(real, at::kLong), device)).flatten(1);
}

bool needs_padding(const at::Tensor& tensor) {
  return tensor.is_cuda() && tensor.scalar_type() != at::kBFloat16 && tensor.scalar_type() != at::kHalf;
}

}  // namespace

at::Tensor packed_self_attention(const at::Tensor& qkv_T3W, int64_t num_heads, const PackedOffsets& rows, bool causal) {
  check_shape(qkv_T3W, {rows.num_tokens(), kAnySize}, "qkv_T3W");
  require<ShapeError>(qkv_T3W.size(1) % (3 * num_heads) == 0, "qkv_T3W: {} columns are not 3 x {} heads", qkv_T3W.size(1), num_heads);
  const Plan plan{rows, rows, causal};
  if (needs_padding(qkv_T3W)) return attend_padded(self_heads(qkv_T3W, num_heads), plan);
  return SelfAttention::apply(qkv_T3W, c10::make_intrusive<SavedPlan>(plan, num_heads));
}

at::Tensor packed_query_attention(const at::Tensor& q_NW, const at::Tensor& kv_T2W, int64_t num_heads, const PackedOffsets& rows) {
  check_shape(q_NW, {rows.num_sequences(), kAnySize}, "q_NW");
  check_shape(kv_T2W, {rows.num_tokens(), 2 * q_NW.size(1)}, "kv_T2W");
  require<ShapeError>(q_NW.size(1) % num_heads == 0, "q_NW: {} columns are not a multiple of {} heads", q_NW.size(1), num_heads);
  const Plan plan{pack_equal(rows.num_sequences(), 1, q_NW.device()), rows, false};
  if (needs_padding(q_NW)) return attend_padded(query_heads(q_NW, kv_T2W, num_heads), plan);
  return QueryAttention::apply(q_NW, kv_T2W, c10::make_intrusive<SavedPlan>(plan, num_heads));
}

}  // namespace longclip
