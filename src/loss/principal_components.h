#pragma once
// loss/principal_components.h -- the eigenvectors of a batch's Gram matrix or, of more rows than columns, of its covariance.
// Shapes: n rows, E joint embedding, m = min(n, E) eigenvalues, o the larger of the two, k the first eigenvalues.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

namespace longclip {

/// Eigenvalues and eigenvectors, largest first, of C = Xc Xc^T (n <= E) or Xc^T Xc, where Xc are the centred rows. float64.
struct PrincipalComponents {
  at::Tensor is_finite;            ///< [] bool; else centred_nE is 0
  at::Tensor centred_nE, mean_1E;
  at::Tensor eigenvalues_m, vectors_mk;
  at::Tensor scores_ko;  ///< vectors_mk^T Xc, [k, E], of the Gram matrix; vectors_mk^T Xc^T, [k, n], of the covariance
  at::Tensor basis_mm;   ///< all eigenvectors; float32 where only the first k are known better, else float64
  at::Tensor gram_mm;    ///< C, where it was made in float64 and a product with it is cheaper than two with Xc; else undefined

  bool is_of_columns() const { return centred_nE.size(0) > centred_nE.size(1); }
};

/// The first k vectors; empty: all. With a k and float32 rows a CPU decomposes in float32 and improves k vectors by Newton's steps
/// until their span is exact to 1e-8, in half the time. It goes back to a float64 decomposition where the gap behind vector k is less
/// than 1e-5 of the largest eigenvalue. A GPU gains nothing by that: cuSOLVER needs the same time for both.
/// features_nE: float32 or float64, without gradient. Collective: no.
PrincipalComponents principal_components(const at::Tensor& features_nE, std::optional<int64_t> k);

/// For row i of rows_km, the sum over the dropped eigenvectors v_j of (row_i . v_j) v_j / (lambda_i - lambda_j): the solution x of
/// x (lambda_i - C) = row_i outside the span of the kept ones. is_kept_m: a prefix.
at::Tensor solve_outside_kept(const PrincipalComponents& components, const at::Tensor& rows_km, const at::Tensor& is_kept_m);

}  // namespace longclip
