// loss/coarse_features.cpp -- one eigendecomposition, and the gradient in closed form; of the smaller of two matrices.
//
// Rows up to columns, the Gram matrix of the rows.
// With Xc the centred rows, Xc Xc^T = U diag(lambda) U^T, kept part k, dropped part r, s = sqrt(lambda), V_k^T = s_k^-1 U_k^T Xc,
// P = V_k V_k^T, Q = U_k U_k^T, G = dL/dY and H = G Xc^T:
//   B   = (s_k U_k^T H U_r + s_k^-1 U_k^T H^T U_r lambda_r) / 2,   F_ij = B_ij / (lambda_i - lambda_j)
//   R   = (s_k U_k^T G (I - P) + s_k^-1 U_k^T H^T (I - Q) Xc) / 2
//   D   = G P + 2 [U_k s_k^-1 (R + F U_r^T Xc) + U_r F^T V_k^T]
//   dL/dX = D - column mean of D + column mean of G
// More rows than columns, the covariance of the columns, Xc^T Xc = V diag(lambda) V^T, A = V_k^T (Xc^T G + G^T Xc) V:
//   F_ij = A_ij / (lambda_i - lambda_j) for i kept and j dropped,   D = G P + Xc (V_k F V^T + V F^T V_k^T)
// Derivation: perturbation of the projector; the terms between two kept vectors cancel because only their span matters.
#include "loss/coarse_features.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/where.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "tensors/shape.h"

namespace longclip {
namespace {

constexpr double kRankTolerance = 1e-12;  // of the largest eigenvalue

/// Centred rows and the eigenvectors of their Gram matrix (m = n) or of the columns' covariance (m = E < n), largest eigenvalue
/// first, all float64.
struct Spectrum {
  at::Tensor centred_nE, mean_1E, eigenvalues_m, vectors_mm;
};

bool is_of_columns(const at::Tensor& centred_nE) { return centred_nE.size(0) > centred_nE.size(1); }

Spectrum decompose(const at::Tensor& features_nE) {
  const at::Tensor wide = features_nE.detach().to(at::kDouble);
  const at::Tensor mean = wide.mean(0, /*keepdim=*/true);
  const at::Tensor centred = wide.sub(mean);
  const auto [ascending, vectors] = at::linalg_eigh(is_of_columns(centred) ? centred.t().matmul(centred) : centred.matmul(centred.t()));
  return {centred, mean, ascending.flip(0).clamp_min(0.0), vectors.flip(1)};
}

/// Which eigenvectors are kept, as masks, so that no number has to come to the host: a GPU would wait for it.
struct Kept {
  int64_t most = 0;            ///< no place from here on is kept
  at::Tensor is_kept_m;        ///< bool; a prefix, never beyond the numerical rank
  at::Tensor retained_energy;  ///< share of the sum of the eigenvalues; 1 where that is 0
};

Kept choose_components(const at::Tensor& lambda_m, const Components& wish) {
  const int64_t size = lambda_m.size(0);
  const at::Tensor has_rank_m = lambda_m.gt(lambda_m[0].mul(kRankTolerance)), counted_m = lambda_m.mul(has_rank_m);
  const at::Tensor total = counted_m.sum();
  Kept kept;
  kept.most = wish.energy ? size : std::min(wish.count, size);
  const at::Tensor is_wanted_m = wish.energy ? counted_m.cumsum(0).sub(counted_m).lt(total.mul(*wish.energy))  // the ones before hold too little
                                             : at::arange(size, lambda_m.options()).lt(wish.count);
  kept.is_kept_m = has_rank_m.logical_and(is_wanted_m);
  kept.retained_energy = at::where(total.gt(0), lambda_m.mul(kept.is_kept_m).sum().div(total), 1.0);
  return kept;
}

/// What the gradient needs of a decomposition; vectors that are not kept are 0 in u_mk, and so are their inverses.
struct Parts {
  at::Tensor centred_nE, lambda_m, is_kept_m, vectors_mm, u_mk, s_k1, inverse_s_k1;

  Parts(at::Tensor centred, at::Tensor lambda, at::Tensor is_kept, at::Tensor vectors, int64_t most)
      : centred_nE(std::move(centred)), lambda_m(std::move(lambda)), is_kept_m(std::move(is_kept)), vectors_mm(std::move(vectors)) {
    const at::Tensor mask_k = is_kept_m.narrow(0, 0, most);
    u_mk = vectors_mm.narrow(1, 0, most).mul(mask_k);
    s_k1 = lambda_m.narrow(0, 0, most).sqrt().unsqueeze(1);
    inverse_s_k1 = at::where(mask_k.unsqueeze(1), s_k1.reciprocal(), 0.0);
  }

  /// values_km [kept, all] divided by the gaps between their eigenvalues; 0 but for pairs of a kept and a dropped one.
  at::Tensor divided_by_gaps(const at::Tensor& values_km) const {
    const int64_t most = u_mk.size(1);
    const at::Tensor gap_km = lambda_m.narrow(0, 0, most).unsqueeze(1).sub(lambda_m).clamp_min(lambda_m[0].mul(kRankTolerance));
    return at::where(is_kept_m.narrow(0, 0, most).unsqueeze(1).logical_and(is_kept_m.logical_not()), values_km.div(gap_km), 0.0);
  }
};

/// dL/dX but for the means, of the head of this file, where the Gram matrix was decomposed. G is grad_nE. What stands for r there
/// are all vectors here, with F = 0 at the kept ones.
at::Tensor gradient_by_rows(const at::Tensor& grad_nE, const Parts& p) {
  const at::Tensor &centred = p.centred_nE, &u = p.vectors_mm, &u_k = p.u_mk;
  const at::Tensor v_kE = u_k.t().matmul(centred).mul(p.inverse_s_k1);

  const at::Tensor ug_kE = u_k.t().matmul(grad_nE);  // H itself would be the largest product here
  const at::Tensor uh_kn = ug_kE.matmul(centred.t()), uht_kn = u_k.t().matmul(centred).matmul(grad_nE.t());
  const at::Tensor b_kn = uh_kn.matmul(u).mul(p.s_k1).add(uht_kn.matmul(u).mul(p.lambda_m).mul(p.inverse_s_k1)).mul(0.5);
  const at::Tensor f_kn = p.divided_by_gaps(b_kn);

  const at::Tensor outside_p = ug_kE.sub(ug_kE.matmul(v_kE.t()).matmul(v_kE));
  const at::Tensor outside_q = uht_kn.sub(uht_kn.matmul(u_k).matmul(u_k.t())).matmul(centred);
  const at::Tensor r_kE = outside_p.mul(p.s_k1).add(outside_q.mul(p.inverse_s_k1)).mul(0.5);

  const at::Tensor of_vectors = r_kE.add(f_kn.matmul(u.t()).matmul(centred)).mul(p.inverse_s_k1);
  const at::Tensor through_vectors = u_k.matmul(of_vectors).add(u.matmul(f_kn.t()).matmul(v_kE));
  return grad_nE.matmul(v_kE.t()).matmul(v_kE).add(through_vectors, 2.0);
}

/// The same where the covariance of the columns was decomposed.
at::Tensor gradient_by_columns(const at::Tensor& grad_nE, const Parts& p) {
  const at::Tensor &centred = p.centred_nE, &v = p.vectors_mm, &v_k = p.u_mk;
  const at::Tensor gv_nk = grad_nE.matmul(v_k), xv_nk = centred.matmul(v_k);
  const at::Tensor a_kE = centred.t().matmul(gv_nk).add(grad_nE.t().matmul(xv_nk)).t().matmul(v);
  const at::Tensor fv_kE = p.divided_by_gaps(a_kE).matmul(v.t());
  return gv_nk.matmul(v_k.t()).add(xv_nk.matmul(fv_kE)).add(centred.matmul(fv_kE.t()).matmul(v_k.t()));
}

struct Projection : torch::autograd::Function<Projection> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& features_nE, const Spectrum& spectrum, const Kept& kept) {
    context->save_for_backward({spectrum.centred_nE, spectrum.eigenvalues_m, kept.is_kept_m, spectrum.vectors_mm});
    context->saved_data["most"] = kept.most;
    const at::Tensor &centred = spectrum.centred_nE, u_mk = spectrum.vectors_mm.narrow(1, 0, kept.most).mul(kept.is_kept_m.narrow(0, 0, kept.most));
    const at::Tensor projected_nE = is_of_columns(centred) ? centred.matmul(u_mk).matmul(u_mk.t()) : u_mk.matmul(u_mk.t().matmul(centred));
    return projected_nE.add(spectrum.mean_1E).to(features_nE.scalar_type());
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, const torch::autograd::variable_list& grads) {
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const Parts parts(saved[0], saved[1], saved[2], saved[3], context->saved_data["most"].toInt());
    const at::Tensor grad_nE = grads[0].to(at::kDouble);
    const at::Tensor d_nE = is_of_columns(parts.centred_nE) ? gradient_by_columns(grad_nE, parts) : gradient_by_rows(grad_nE, parts);
    const at::Tensor grad = d_nE.sub(d_nE.mean(0, true)).add(grad_nE.mean(0, true));
    return {grad.to(grads[0].scalar_type()), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

CoarseFeatures coarse_features(const at::Tensor& features_nE, const Components& components) {
  check_shape(features_nE, {kAnySize, kAnySize}, "features_nE");
  const int64_t n = features_nE.size(0);
  const auto number = [&](double value) { return at::full({}, value, features_nE.options().dtype(at::kDouble).requires_grad(false)); };
  if (!components.energy && n <= components.count + 1) return {features_nE, number(static_cast<double>(n - 1)), number(1)};
  const at::Tensor is_finite = features_nE.detach().isfinite().all();
  const Spectrum spectrum = decompose(at::where(is_finite, features_nE.detach(), 0.0));  // LAPACK would throw
  const Kept kept = choose_components(spectrum.eigenvalues_m, components);
  const at::Tensor count = kept.is_kept_m.sum();
  // Rows that are all equal are their own mean; with numbers that are not finite the loss is not either, and the step is skipped.
  const at::Tensor is_projected = is_finite.logical_and(count.gt(0));
  return {at::where(is_projected, Projection::apply(features_nE, spectrum, kept), features_nE), count, at::where(is_finite, kept.retained_energy, NAN)};
}

}  // namespace longclip
