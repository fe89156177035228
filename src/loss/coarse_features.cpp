// loss/coarse_features.cpp -- one eigendecomposition, and the gradient in closed form; of the smaller of two matrices.
//
// Rows up to columns, the Gram matrix of the rows.
// With Xc the centred rows, Xc Xc^T = U diag(lambda) U^T, s = sqrt(lambda) and U_k of the kept ones, V_k^T = s^-1 U_k^T Xc,
// G = dL/dY, Y = G V_k and N = Y^T U_k:
//   W = (s U_k^T G + Y^T Xc) / 2,   F = sum over j dropped of (row i of W Xc^T . u_j) u_j^T / (lambda_i - lambda_j)
//   D = (Y + 2 F^T) V_k^T + 2 U_k s^-1 [W - (s N^T + N s) V_k^T / 2 + F Xc]
//   dL/dX = D - column mean of D + column mean of G
// More rows than columns, the covariance of the columns, Xc^T Xc = V diag(lambda) V^T:
//   A = V_k^T (G^T Xc + Xc^T G),   F = sum over j dropped of (row i of A . v_j) v_j^T / (lambda_i - lambda_j)
//   D = (Y + Xc F^T) V_k^T + Xc V_k F
// Derivation: perturbation of the projector; the terms between two kept vectors cancel because only their span matters.
#include "loss/coarse_features.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/where.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>

#include "loss/principal_components.h"
#include "tensors/if_else.h"
#include "tensors/shape.h"

namespace longclip {
namespace {

constexpr double kRankTolerance = 1e-12;  // of the largest eigenvalue

/// Which eigenvectors are kept, as masks, so that no number has to come to the host: a GPU would wait for it.
struct Kept {
  at::Tensor is_kept_m;        ///< bool; a prefix, never beyond the numerical rank
  at::Tensor retained_energy;  ///< share of the sum of the eigenvalues; 1 where that is 0
};

Kept choose_components(const at::Tensor& lambda_m, const Components& wish) {
  const int64_t size = lambda_m.size(0);
  const at::Tensor has_rank_m = lambda_m.gt(lambda_m[0].mul(kRankTolerance)), counted_m = lambda_m.mul(has_rank_m);
  const at::Tensor total = counted_m.sum();
  Kept kept;
  const at::Tensor is_wanted_m = wish.energy ? counted_m.cumsum(0).sub(counted_m).lt(total.mul(*wish.energy))  // the ones before hold too little
                                             : at::arange(size, lambda_m.options()).lt(wish.count);
  kept.is_kept_m = has_rank_m.logical_and(is_wanted_m);
  kept.retained_energy = at::where(total.gt(0), lambda_m.mul(kept.is_kept_m).sum().div(total), 1.0);
  return kept;
}

/// D of the head of this file, where the Gram matrix was decomposed. Vectors that are not kept are 0, and so are their inverses.
at::Tensor gradient_by_rows(const at::Tensor& grad_nE, const PrincipalComponents& c, const at::Tensor& is_kept_m) {
  const int64_t k = c.vectors_mk.size(1);
  const at::Tensor is_kept_k = is_kept_m.narrow(0, 0, k), u_nk = c.vectors_mk.mul(is_kept_k), s_k = c.eigenvalues_m.narrow(0, 0, k).sqrt();
  const at::Tensor s_k1 = s_k.unsqueeze(1), inverse_s_k1 = at::where(is_kept_k, s_k.reciprocal(), 0.0).unsqueeze(1);
  const at::Tensor v_kE = c.scores_ko.mul(inverse_s_k1), y_nk = grad_nE.matmul(v_kE.t()), n_kk = y_nk.t().matmul(u_nk);
  const at::Tensor w_kE = u_nk.t().matmul(grad_nE).mul(s_k1).add(y_nk.t().matmul(c.centred_nE)).mul(0.5);
  const at::Tensor f_kn = solve_outside_kept(c, w_kE.matmul(c.centred_nE.t()), is_kept_m);
  const at::Tensor inside_kk = n_kk.t().mul(s_k1).add(n_kk.mul(s_k)).mul(0.5);
  const at::Tensor of_vectors_kE = w_kE.sub(inside_kk.matmul(v_kE)).add(f_kn.matmul(c.centred_nE)).mul(inverse_s_k1);
  return at::cat({y_nk.add(f_kn.t(), 2.0), u_nk.mul(2.0)}, 1).matmul(at::cat({v_kE, of_vectors_kE}));
}

/// The same where the covariance of the columns was decomposed.
at::Tensor gradient_by_columns(const at::Tensor& grad_nE, const PrincipalComponents& c, const at::Tensor& is_kept_m) {
  const at::Tensor is_kept_k = is_kept_m.narrow(0, 0, c.vectors_mk.size(1)), v_Ek = c.vectors_mk.mul(is_kept_k);
  const at::Tensor y_nk = grad_nE.matmul(v_Ek), xv_kn = c.scores_ko.mul(is_kept_k.unsqueeze(1));
  const at::Tensor a_kE = y_nk.t().matmul(c.centred_nE).add(xv_kn.matmul(grad_nE));
  const at::Tensor f_kE = solve_outside_kept(c, a_kE, is_kept_m);
  return at::cat({y_nk.add(c.centred_nE.matmul(f_kE.t())), xv_kn.t()}, 1).matmul(at::cat({v_Ek.t(), f_kE}));
}

struct Projection : torch::autograd::Function<Projection> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& features_nE, const PrincipalComponents& c, const at::Tensor& is_kept_m,
                            const at::Tensor& is_projected) {
    context->save_for_backward({c.is_finite, c.centred_nE, c.mean_1E, c.eigenvalues_m, c.vectors_mk, c.scores_ko, c.basis_mm, c.gram_mm, is_kept_m, is_projected});
    const at::Tensor kept_mk = c.vectors_mk.mul(is_kept_m.narrow(0, 0, c.vectors_mk.size(1)));
    const at::Tensor projected_nE = c.is_of_columns() ? c.scores_ko.t().matmul(kept_mk.t()) : kept_mk.matmul(c.scores_ko);
    return if_else(is_projected, projected_nE.add_(c.mean_1E).to(features_nE.scalar_type()), features_nE);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, const torch::autograd::variable_list& grads) {
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const PrincipalComponents c{saved[0], saved[1], saved[2], saved[3], saved[4], saved[5], saved[6], saved[7]};
    const at::Tensor grad_nE = grads[0].to(at::kDouble);
    const at::Tensor d_nE = c.is_of_columns() ? gradient_by_columns(grad_nE, c, saved[8]) : gradient_by_rows(grad_nE, c, saved[8]);
    const at::Tensor grad = d_nE.add(grad_nE.mean(0, /*keepdim=*/true).sub(d_nE.mean(0, /*keepdim=*/true)));
    return {if_else(saved[9], grad.to(grads[0].scalar_type()), grads[0]), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

CoarseFeatures coarse_features(const at::Tensor& features_nE, const Components& components, SideStream* side) {
  check_shape(features_nE, {kAnySize, kAnySize}, "features_nE");
  const int64_t n = features_nE.size(0);
  const auto number = [&](double value) { return at::full({}, value, features_nE.options().dtype(at::kDouble).requires_grad(false)); };
  if (!components.energy && n <= components.count + 1) return {features_nE, number(static_cast<double>(n - 1)), number(1)};
  PrincipalComponents found;
  const auto find = [&] { found = principal_components(features_nE.detach(), components.energy ? std::nullopt : std::optional(components.count)); };
  side != nullptr ? side->run(find) : find();
  const Kept kept = choose_components(found.eigenvalues_m, components);
  const at::Tensor count = kept.is_kept_m.sum();
  // Rows that are all equal are their own mean; with numbers that are not finite the loss is not either, and the step is skipped.
  const at::Tensor is_projected = found.is_finite.logical_and(count.gt(0));
  return {Projection::apply(features_nE, found, kept.is_kept_m, is_projected), count, at::where(found.is_finite, kept.retained_energy, NAN)};
}

}  // namespace longclip
