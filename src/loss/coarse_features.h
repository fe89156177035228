#pragma once
// loss/coarse_features.h -- coarse features: what is left of a batch's features on its top principal components (PCM).
// Shapes: n rows, E joint embedding, k components.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "tensors/side_stream.h"

namespace longclip {

/// How many components are kept: a number, or the fewest that hold a share of the variance.
struct Components {
  int64_t count = 32;             ///< used when `energy` is empty
  std::optional<double> energy = std::nullopt;  ///< in (0, 1]
};

struct CoarseFeatures {
  at::Tensor coarse_nE;        ///< dtype of the input, with gradient; not divided by its norm again (as upstream)
  at::Tensor num_components;   ///< [] k that was used; n - 1 where the projection is the identity
  at::Tensor retained_energy;  ///< [] float64, share of the rows' variance that the kept components hold; NaN for rows that are not finite
};

/// Y = (X - mean) V_k V_k^T + mean, with V_k the top k right singular vectors of the centred rows; the gradient flows
/// through mean, projection and V_k.
/// Computed from the Gram matrix (or, of more rows than columns, the covariance) in float64 with a closed-form gradient that divides only by gaps between kept and
/// dropped eigenvalues, so equal singular values inside the kept set are harmless. Where n <= k + 1 the result is X
/// itself. The kept set ends at the numerical rank (1e-12 of the largest eigenvalue).
/// features_nE: float32 or float64. On a GPU the host waits for the eigenvectors (cuSOLVER's way) and for nothing else.
/// side: features_nE are there since its mark(); the eigenvectors are sought beside what the GPU was given after that.
/// Collective: no.
/// Source: Long-CLIP, arXiv:2403.15378 section 3.3; model/model_longclip.py PCA @3966af9.
/// Differs from the source: no SVD, float64, finite gradients at any rank (docs/recipe.md).
CoarseFeatures coarse_features(const at::Tensor& features_nE, const Components& components, SideStream* side = nullptr);

}  // namespace longclip
