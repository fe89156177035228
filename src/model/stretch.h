#pragma once
// model/stretch.h -- knowledge-preserved stretching of text positions: the first rows stay, the others are
// interpolated. Source: Long-CLIP, arXiv:2403.15378, section 3.1; model/longclip.py:34-56 load_from_clip @3966af9.
// Shapes: N rows in the file, L rows wanted, W text width.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "model/architecture.h"

namespace longclip {

/// What is asked: a ratio or a length, not both.
struct StretchRequest {
  int64_t keep = 20;                            ///< first rows that stay as they are (Long-CLIP: 20)
  std::optional<int64_t> ratio = std::nullopt;  ///< at least 2; 4 where neither is given (Long-CLIP: 4)
  std::optional<int64_t> to = std::nullopt;     ///< L, more than N
  bool half = false;                            ///< every operation rounded to half precision, as upstream computes it
};

/// Rows after stretching `num_rows`: ratio R gives R*N - (R-1)*keep, 248 for 77. Throws InputError for an impossible
/// request.
int64_t stretched_length(int64_t num_rows, const StretchRequest& request);

/// old_NW: floating point. Returns new_LW, float32, computed in float32 (or in half, then converted). With K = keep:
///   new[0..K-1] = old[0..K-1]
/// ratio R: for i = 0..N-K-2, r = 0..R-1:  new[K+R*i+r] = (R-r)*old[K+i]/R + r*old[K+i+1]/R   (r = 0: old[K+i] itself)
///   the last R rows go on in the last direction:  new[L-R+r] = old[N-1] + r*(old[N-1] - old[N-2])/R
///   Needs K < N and two rows.
/// to L: row K+j lies at p = j*(N-K-1)/(L-K-1) of the rows K..N-1; with i = floor(p), w = p - i:
///   new[K+j] = (1-w)*old[K+i] + w*old[K+i+1]   (w = 0: old[K+i] itself), so first and last row are those of the file.
///   Needs K <= N-2. keep 0 interpolates the whole table, as torch's interpolate(mode="linear", align_corners=True).
/// Throws InputError for an impossible request, DataError if a result is not finite.
at::Tensor stretch_positions(const at::Tensor& old_NW, const StretchRequest& request);

/// What model.json says about it.
Stretch stretch_record(int64_t num_rows, const StretchRequest& request);

}  // namespace longclip
