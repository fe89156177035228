// loss/principal_components.cpp -- see loss/principal_components.h
#include "loss/principal_components.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/linalg_cholesky.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/linalg_solve_triangular.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "tensors/if_else.h"

namespace longclip {
namespace {

constexpr double kSmallestGap = 1e-12;        // of the largest eigenvalue, as a divisor
constexpr double kSmallestGapInFloat = 1e-5;  // of the largest eigenvalue: float32's error is less than 1e-6
constexpr double kLargestError = 1e-8;        // of what is found with the help of a float32 decomposition
constexpr double kRounding = 1e-14;           // of a float64 product: nothing smaller can be found
constexpr int kMostNewtonSteps = 4;           // one is the rule: each squares the error
constexpr int kMostCorrections = 8;           // one is the rule: each makes the error smaller by float32's error over the gap
constexpr int64_t kFewestInFloat = 128;       // smaller ones are decomposed in float64 as quickly

struct Descending {
  at::Tensor values, vectors;
};

Descending decompose(const at::Tensor& symmetric) {
  const auto [ascending, vectors] = at::linalg_eigh(symmetric);
  return {ascending.flip(0), vectors.flip(1)};
}

/// Xc, or Xc^T of a covariance: C is the product with its transpose.
at::Tensor factor_mo(const PrincipalComponents& c) { return c.is_of_columns() ? c.centred_nE.t() : c.centred_nE; }

at::Tensor times_gram(const at::Tensor& rows_km, const PrincipalComponents& c) {
  if (c.gram_mm.defined()) return rows_km.matmul(c.gram_mm);
  const at::Tensor x_mo = factor_mo(c);
  return rows_km.matmul(x_mo).matmul(x_mo.t());
}

/// By the Cholesky factor of their own Gram matrix: the rows are nearly orthonormal already.
at::Tensor orthonormal(const at::Tensor& rows_km) {
  return at::linalg_solve_triangular(at::linalg_cholesky(rows_km.matmul(rows_km.t())), rows_km, /*upper=*/false);
}

/// 1 / (lambda_i - lambda_j) for i kept and j dropped, else 0.
at::Tensor inverse_gaps(const PrincipalComponents& c, const at::Tensor& is_kept_m, int64_t k) {
  const at::Tensor& lambda_m = c.eigenvalues_m;
  const at::Tensor gap_km = lambda_m.narrow(0, 0, k).unsqueeze(1).sub(lambda_m).clamp_min_(lambda_m[0].mul(kSmallestGap));
  const at::Tensor is_pair_km = is_kept_m.narrow(0, 0, k).unsqueeze(1).logical_and(is_kept_m.logical_not());
  return at::where(is_pair_km, gap_km.reciprocal_(), 0.0).to(c.basis_mm.scalar_type());
}

at::Tensor sum_over_dropped(const PrincipalComponents& c, const at::Tensor& rows_km, const at::Tensor& inverse_gap_km) {
  return rows_km.to(c.basis_mm.scalar_type()).matmul(c.basis_mm).mul_(inverse_gap_km).matmul(c.basis_mm.t()).to(at::kDouble);
}

at::Tensor outside(const at::Tensor& rows_km, const at::Tensor& kept_mk) { return rows_km.sub(rows_km.matmul(kept_mk).matmul(kept_mk.t())); }

double gap_behind(const PrincipalComponents& c, int64_t k) { return c.eigenvalues_m[k - 1].item<double>() - c.eigenvalues_m[k].item<double>(); }

/// Newton's steps on the span of the first k vectors, from a decomposition in float32. False: that is not near enough.
bool improve(PrincipalComponents& c, int64_t k) {
  const at::Tensor values_k = c.eigenvalues_m.narrow(0, 0, k), inverse_gap_km = inverse_gaps(c, at::arange(c.eigenvalues_m.size(0)).lt(k), k);
  const double gap = gap_behind(c, k);
  if (!(gap > kSmallestGapInFloat * c.eigenvalues_m[0].item<double>())) return false;
  at::Tensor kept_km = c.basis_mm.narrow(1, 0, k).t().to(at::kDouble);
  at::Tensor residual_km = times_gram(kept_km, c).sub(kept_km.mul(values_k.unsqueeze(1)));
  for (int step = 0; step < kMostNewtonSteps; ++step) {
    kept_km = orthonormal(kept_km.add(sum_over_dropped(c, residual_km, inverse_gap_km)));
    const at::Tensor image_km = times_gram(kept_km, c);
    const Descending ritz = decompose(image_km.matmul(kept_km.t()));
    kept_km = ritz.vectors.t().matmul(kept_km);
    residual_km = ritz.vectors.t().matmul(image_km).sub(kept_km.mul(ritz.values.unsqueeze(1)));
    values_k.copy_(ritz.values);
    if (residual_km.norm().item<double>() > kLargestError * gap) continue;
    c.vectors_mk = kept_km.t();
    c.scores_ko = kept_km.matmul(factor_mo(c));
    return true;
  }
  return false;
}

}  // namespace

PrincipalComponents principal_components(const at::Tensor& features_nE, std::optional<int64_t> k) {
  PrincipalComponents c;
  const at::Tensor wide_nE = features_nE.to(at::kDouble);
  c.mean_1E = wide_nE.mean(0, /*keepdim=*/true);
  c.is_finite = c.mean_1E.isfinite().all();
  c.centred_nE = if_else(c.is_finite, wide_nE.sub(c.mean_1E), at::zeros({}, wide_nE.options()));  // LAPACK would throw
  const int64_t m = std::min(features_nE.size(0), features_nE.size(1)), o = std::max(features_nE.size(0), features_nE.size(1));
  const auto gram_as = [&](at::ScalarType dtype) {
    const at::Tensor x_mo = factor_mo(c).to(dtype);
    return x_mo.matmul(x_mo.t());
  };
  const auto decompose_as = [&](at::ScalarType dtype) {
    Descending all = decompose(c.gram_mm.defined() ? c.gram_mm.to(dtype) : gram_as(dtype));
    c.eigenvalues_m = all.values.to(at::kDouble).clamp_min(0.0);
    c.basis_mm = std::move(all.vectors);
  };
  if (features_nE.is_cpu() && features_nE.scalar_type() == at::kFloat && k && *k < m && m >= kFewestInFloat) {
    if (o >= 2 * m) c.gram_mm = gram_as(at::kDouble);
    decompose_as(at::kFloat);
    if (improve(c, *k)) return c;
  }
  decompose_as(at::kDouble);
  c.vectors_mk = c.basis_mm.narrow(1, 0, std::min(k.value_or(m), m));
  c.scores_ko = c.vectors_mk.t().matmul(factor_mo(c));
  return c;
}

at::Tensor solve_outside_kept(const PrincipalComponents& c, const at::Tensor& rows_km, const at::Tensor& is_kept_m) {
  const int64_t k = rows_km.size(0);
  const at::Tensor inverse_gap_km = inverse_gaps(c, is_kept_m, k);
  if (c.basis_mm.scalar_type() == at::kDouble) return sum_over_dropped(c, rows_km, inverse_gap_km);
  const at::Tensor lambda_k1 = c.eigenvalues_m.narrow(0, 0, k).unsqueeze(1), outside_km = outside(rows_km, c.vectors_mk);
  const double gap = gap_behind(c, k), rounding = kRounding * rows_km.norm().item<double>();
  double before = outside_km.norm().item<double>();
  at::Tensor x_km = sum_over_dropped(c, outside_km, inverse_gap_km);  // what float32 adds inside the kept span does not show in the rest
  for (int step = 0; step < kMostCorrections; ++step) {
    const at::Tensor rest_km = outside(outside_km.sub(x_km.mul(lambda_k1)).add_(times_gram(x_km, c)), c.vectors_mk);
    const double rest = rest_km.norm().item<double>(), enough = std::max(kLargestError * gap * x_km.norm().item<double>(), rounding);
    if (rest <= enough) break;
    x_km = x_km.add(sum_over_dropped(c, rest_km, inverse_gap_km));
    if (10 * rest * rest <= enough * before) break;  // it shrinks by the same factor each time, and less will be left than is allowed
    before = rest;
  }
  return outside(x_km, c.vectors_mk);
}

}  // namespace longclip
