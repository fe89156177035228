// loss/coarse_features.cpp -- Gram matrix, one eigendecomposition, and the gradient in closed form.
//
// With Xc the centred rows, Xc Xc^T = U diag(lambda) U^T, kept part k, dropped part r, s = sqrt(lambda), V_k^T = s_k^-1 U_k^T Xc,
// P = V_k V_k^T, Q = U_k U_k^T, G = dL/dY and H = G Xc^T:
//   B   = (s_k U_k^T H U_r + s_k^-1 U_k^T H^T U_r lambda_r) / 2,   F_ij = B_ij / (lambda_i - lambda_j)
//   R   = (s_k U_k^T G (I - P) + s_k^-1 U_k^T H^T (I - Q) Xc) / 2
//   D   = G P + 2 [U_k s_k^-1 (R + F U_r^T Xc) + U_r F^T V_k^T]
//   dL/dX = D - column mean of D + column mean of G
// Derivation: perturbation of the projector; the terms between two kept vectors cancel because only their span matters.
#include "loss/coarse_features.h"

#include <ATen/ops/linalg_eigh.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "tensors/shape.h"

namespace longclip {
namespace {

constexpr double kRankTolerance = 1e-12;  // of the largest eigenvalue

/// Centred rows and the eigenvectors of their Gram matrix, largest eigenvalue first, all float64.
struct Spectrum {
  at::Tensor centred_nE, mean_1E, eigenvalues_n, vectors_nn;
};

Spectrum decompose(const at::Tensor& features_nE) {
  const at::Tensor wide = features_nE.detach().to(at::kDouble);
  const at::Tensor mean = wide.mean(0, /*keepdim=*/true);
  const at::Tensor centred = wide.sub(mean);
  const auto [ascending, vectors] = at::linalg_eigh(centred.matmul(centred.t()));
  return {centred, mean, ascending.flip(0).clamp_min(0.0), vectors.flip(1)};
}

/// k from the wish and the eigenvalues (on the CPU), never beyond the numerical rank.
int64_t choose_components(const at::Tensor& eigenvalues_n, const Components& wish) {
  const auto* lambda = eigenvalues_n.const_data_ptr<double>();
  const int64_t size = eigenvalues_n.size(0);
  int64_t rank = 0;
  double total = 0;
  while (rank < size && lambda[rank] > kRankTolerance * lambda[0]) total += lambda[rank++];
  if (!wish.energy) return std::min(wish.count, rank);
  double held = 0;
  for (int64_t k = 0; k < rank; ++k) {
    held += lambda[k];
    if (held >= *wish.energy * total) return k + 1;
  }
  return rank;
}

struct Projection : torch::autograd::Function<Projection> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& features_nE, const Spectrum& spectrum, int64_t k) {
    context->save_for_backward({spectrum.centred_nE, spectrum.eigenvalues_n, spectrum.vectors_nn});
    context->saved_data["k"] = k;
    const at::Tensor kept_nk = spectrum.vectors_nn.narrow(1, 0, k);
    const at::Tensor coarse_nE = kept_nk.matmul(kept_nk.t().matmul(spectrum.centred_nE)).add(spectrum.mean_1E);
    return coarse_nE.to(features_nE.scalar_type());
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, const torch::autograd::variable_list& grads) {
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const at::Tensor grad = closed_form(grads[0].to(at::kDouble), {saved[0], {}, saved[1], saved[2]}, context->saved_data["k"].toInt());
    return {grad.to(grads[0].scalar_type()), at::Tensor(), at::Tensor()};
  }

  /// dL/dX of the head of this file. G is grad_nE.
  static at::Tensor closed_form(const at::Tensor& grad_nE, const Spectrum& spectrum, int64_t k) {
    const int64_t dropped = spectrum.eigenvalues_n.size(0) - k;
    const at::Tensor& centred = spectrum.centred_nE;
    const at::Tensor u_k = spectrum.vectors_nn.narrow(1, 0, k), u_r = spectrum.vectors_nn.narrow(1, k, dropped);
    const at::Tensor lambda_k = spectrum.eigenvalues_n.narrow(0, 0, k), lambda_r = spectrum.eigenvalues_n.narrow(0, k, dropped);
    const at::Tensor s_k1 = lambda_k.sqrt().unsqueeze(1);
    const at::Tensor v_kE = u_k.t().matmul(centred).div(s_k1);

    const at::Tensor h_nn = grad_nE.matmul(centred.t());
    const at::Tensor uh_kn = u_k.t().matmul(h_nn), uht_kn = u_k.t().matmul(h_nn.t());
    const at::Tensor b_kr = uh_kn.matmul(u_r).mul(s_k1).add(uht_kn.matmul(u_r).mul(lambda_r).div(s_k1)).mul(0.5);
    const at::Tensor gap_kr = lambda_k.unsqueeze(1).sub(lambda_r).clamp_min(lambda_k[0].mul(kRankTolerance));
    const at::Tensor f_kr = b_kr.div(gap_kr);

    const at::Tensor ug_kE = u_k.t().matmul(grad_nE);
    const at::Tensor outside_p = ug_kE.sub(ug_kE.matmul(v_kE.t()).matmul(v_kE));
    const at::Tensor outside_q = uht_kn.sub(uht_kn.matmul(u_k).matmul(u_k.t())).matmul(centred);
    const at::Tensor r_kE = outside_p.mul(s_k1).add(outside_q.div(s_k1)).mul(0.5);

    const at::Tensor through_vectors = u_k.matmul(r_kE.add(f_kr.matmul(u_r.t().matmul(centred))).div(s_k1)).add(u_r.matmul(f_kr.t().matmul(v_kE)));
    const at::Tensor d_nE = grad_nE.matmul(v_kE.t()).matmul(v_kE).add(through_vectors, 2.0);
    return d_nE.sub(d_nE.mean(0, true)).add(grad_nE.mean(0, true));
  }
};

}  // namespace

CoarseFeatures coarse_features(const at::Tensor& features_nE, const Components& components) {
  check_shape(features_nE, {kAnySize, kAnySize}, "features_nE");
  const int64_t n = features_nE.size(0);
  if (!components.energy && n <= components.count + 1) return {features_nE, n - 1, 1.0};
  if (!features_nE.isfinite().all().item<bool>()) return {features_nE, 0, NAN};  // LAPACK would throw; the step is skipped
  const Spectrum spectrum = decompose(features_nE);
  const at::Tensor eigenvalues_cpu = spectrum.eigenvalues_n.cpu();
  const int64_t k = choose_components(eigenvalues_cpu, components);
  if (k == 0) return {features_nE, 0, 1.0};  // all rows are equal: the mean is the feature
  const double total = eigenvalues_cpu.sum().item<double>();
  const double energy = eigenvalues_cpu.narrow(0, 0, k).sum().item<double>() / total;
  return {Projection::apply(features_nE, spectrum, k), k, energy};
}

}  // namespace longclip
