#pragma once
// model/position_state.h -- what the values of a text position table tell of its history: stretching puts rows on the
// straight lines between old ones (model/stretch.h), training moves them off.
// Shapes: L rows, W text width.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "model/architecture.h"

namespace longclip {

struct PositionState {
  enum class Kind {
    kNotStretched,   ///< no more rows than a CLIP has, or none that stretching would have made
    kNotTrained,     ///< every new row lies on its line, as stretching left it
    kPartlyTrained,  ///< the new rows up to `last_moved` have moved; captions of training were not longer
    kTrained,        ///< new rows up to the end have moved
    kUnknown         ///< there is no row that has to lie on a line
  };
  Kind kind = Kind::kUnknown;
  std::optional<Stretch> stretch = std::nullopt;  ///< that was looked for: what is known, else keep 20 of 77 rows
  int64_t last_moved = 0;                         ///< last row that has left its line
};

/// table_LW: floating point, finite. `known`: how it was stretched, where a config says it; else 57 * ratio + 20 rows
/// are looked at as 77 stretched with keep 20. The precision of the values (float32, half, bfloat16) is seen from them.
PositionState position_state(const at::Tensor& table_LW, const std::optional<Stretch>& known);

}  // namespace longclip
