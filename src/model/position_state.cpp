// model/position_state.cpp -- second differences of rows that stretching puts on a line; see model/position_state.h
#include "model/position_state.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/maximum.h>

#include <vector>

#include "tensors/shape.h"

namespace longclip {
namespace {

constexpr int64_t kSourceLength = 77, kKeep = 20;  // Long-CLIP's

/// Half the distance between neighbouring numbers at 1, of the coarsest type that holds all values.
double rounding_of(const at::Tensor& table_LW) {
  for (const auto& [dtype, rounding] : {std::pair{at::kBFloat16, 0x1p-9}, {at::kHalf, 0x1p-11}}) {
    if (at::equal(table_LW.to(dtype).to(at::kFloat), table_LW)) return rounding;
  }
  return 0x1p-24;
}

/// Rows that lie between two neighbours of one line. Row j stands for the old position keep + (j - keep) * step.
std::vector<int64_t> rows_on_lines(int64_t length, const Stretch& stretch) {
  const int64_t old = stretch.source_length - stretch.keep, added = length - stretch.keep;
  // step = numerator / denominator: 1 / ratio, or by length with both ends kept; the last lines go on behind old - 1
  const int64_t numerator = stretch.ratio ? 1 : old - 1, denominator = stretch.ratio ? *stretch.ratio : added - 1;
  std::vector<int64_t> rows;
  for (int64_t j = 1; j + 1 < added && denominator > 0; ++j) {
    const int64_t line = std::min(j * numerator / denominator, old - 2);
    const bool starts_inside = (j - 1) * numerator >= line * denominator;
    const bool ends_inside = line == old - 2 || (j + 1) * numerator <= (line + 1) * denominator;
    if (starts_inside && ends_inside) rows.push_back(stretch.keep + j);
  }
  return rows;
}

std::optional<Stretch> guessed(int64_t length) {
  constexpr int64_t kMoved = kSourceLength - kKeep;
  if (length <= kSourceLength || (length - kKeep) % kMoved != 0) return std::nullopt;
  return Stretch{.keep = kKeep, .ratio = (length - kKeep) / kMoved, .source_length = kSourceLength};
}

}  // namespace

PositionState position_state(const at::Tensor& table_LW, const std::optional<Stretch>& known) {
  using Kind = PositionState::Kind;
  check_shape(table_LW, {kAnySize, kAnySize}, "table_LW");
  const int64_t length = table_LW.size(0);
  PositionState state{.stretch = known ? known : guessed(length)};
  if (!state.stretch) {
    state.kind = length <= kSourceLength ? Kind::kNotStretched : Kind::kUnknown;
    return state;
  }
  const std::vector<int64_t> rows = rows_on_lines(length, *state.stretch);
  if (rows.empty()) return state;
  // Each value of the three was rounded a few times; half precision multiplies by up to the ratio before it divides.
  const double tolerance = 32 * rounding_of(table_LW);
  const at::Tensor table = table_LW.to(at::kDouble);
  const at::Tensor before = table.slice(0, 0, length - 2), middle = table.slice(0, 1, length - 1),
                   after = table.slice(0, 2);
  const at::Tensor size = at::maximum(at::maximum(before.abs(), middle.abs()), after.abs());
  const at::Tensor off_line = ((before + after - middle * 2).abs() > size * tolerance + 1e-12).any(1);
  const auto moved = [&](int64_t row) { return off_line[row - 1].item<bool>(); };
  for (const int64_t row : rows) state.last_moved = moved(row) ? row : state.last_moved;
  state.kind = state.last_moved == 0             ? Kind::kNotTrained
               : state.last_moved == rows.back() ? Kind::kTrained
                                                 : Kind::kPartlyTrained;
  return state;
}

}  // namespace longclip
