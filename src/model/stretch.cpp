// model/stretch.cpp -- the rules of model/stretch.h; ATen rounds each operation on half tensors to half, as upstream's
// does.
#include "model/stretch.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "tensors/shape.h"

namespace longclip {
namespace {

constexpr int64_t kMaxRows = int64_t{1} << 20;
constexpr int64_t kUpstreamRatio = 4;

int64_t ratio_of(const StretchRequest& request) { return request.ratio.value_or(kUpstreamRatio); }

/// Rows K..L-1 for a ratio.
at::Tensor by_ratio(const at::Tensor& old_NW, int64_t keep, int64_t ratio, int64_t new_length) {
  const int64_t n = old_NW.size(0);
  const at::Tensor moved = at::empty({new_length - keep, old_NW.size(1)}, old_NW.options());
  const at::Tensor from = old_NW.slice(0, keep, n - 1);
  const at::Tensor to = old_NW.slice(0, keep + 1, n);
  const at::Tensor last = old_NW.select(0, n - 1);
  const at::Tensor step = last - old_NW.select(0, n - 2);
  const int64_t inner = ratio * (n - keep - 1);  // rows between two of the file
  for (int64_t r = 0; r < ratio; ++r) {
    const at::Tensor between = r == 0 ? from : from * (ratio - r) / ratio + to * r / ratio;
    moved.slice(0, r, inner, ratio).copy_(between);
    moved.select(0, inner + r).copy_(r == 0 ? last : last + step * r / ratio);
  }
  return moved;
}

/// Rows K..L-1 for a length.
at::Tensor to_length(const at::Tensor& old_NW, int64_t keep, int64_t new_length) {
  const int64_t intervals = old_NW.size(0) - keep - 1;
  const int64_t num_steps = new_length - keep - 1;
  std::vector<int64_t> below, above;
  std::vector<double> weights;
  for (int64_t j = 0; j <= num_steps; ++j) {
    const int64_t i = j * intervals / num_steps;  // exact, so the ends are met
    below.push_back(keep + i);
    above.push_back(keep + std::min(i + 1, intervals));
    weights.push_back(static_cast<double>(j * intervals % num_steps) / static_cast<double>(num_steps));
  }
  const at::Tensor weight_M1 = at::tensor(weights, at::kDouble).unsqueeze(1);
  const at::Tensor from = old_NW.index_select(0, at::tensor(below, at::kLong));
  const at::Tensor to = old_NW.index_select(0, at::tensor(above, at::kLong));
  return from * (1 - weight_M1).to(old_NW.scalar_type()) + to * weight_M1.to(old_NW.scalar_type());
}

}  // namespace

int64_t stretched_length(int64_t num_rows, const StretchRequest& request) {
  require<InputError>(!(request.ratio && request.to), "stretch: give --ratio or --to, not both");
  require<InputError>(num_rows >= 2 && num_rows <= kMaxRows, "stretch: a table of {} positions cannot be stretched",
                      num_rows);
  const int64_t most = request.to ? num_rows - 2 : num_rows - 1;
  require<InputError>(request.keep >= 0 && request.keep <= most,
                      "stretch: --keep {} must be in 0..{} for a table of {} positions", request.keep, most, num_rows);
  if (request.to) {
    require<InputError>(*request.to > num_rows && *request.to <= kMaxRows,
                        "stretch: --to {} must be more than the {} positions there are, and at most {}", *request.to,
                        num_rows, kMaxRows);
    return *request.to;
  }
  const int64_t ratio = ratio_of(request);
  require<InputError>(ratio >= 2 && ratio <= kMaxRows / num_rows,
                      "stretch: --ratio {} must be in 2..{} for a table of {} positions", ratio, kMaxRows / num_rows,
                      num_rows);
  return ratio * num_rows - (ratio - 1) * request.keep;
}

at::Tensor stretch_positions(const at::Tensor& old_NW, const StretchRequest& request) {
  check_shape(old_NW, {kAnySize, kAnySize}, "old_NW");
  const int64_t new_length = stretched_length(old_NW.size(0), request);
  const at::Tensor table_NW = old_NW.detach().cpu().to(request.half ? at::kHalf : at::kFloat);
  const at::Tensor moved = request.to ? to_length(table_NW, request.keep, new_length)
                                      : by_ratio(table_NW, request.keep, ratio_of(request), new_length);
  const at::Tensor new_LW = at::cat({table_NW.slice(0, 0, request.keep), moved}).to(at::kFloat);
  require<DataError>(at::isfinite(new_LW).all().item<bool>(),
                     "stretch: the stretched table holds values that are not finite{}",
                     request.half ? "; they do not fit half precision, try without --half" : "");
  return new_LW;
}

Stretch stretch_record(int64_t num_rows, const StretchRequest& request) {
  Stretch record{.keep = request.keep, .ratio = std::nullopt, .source_length = num_rows};
  if (!request.to) record.ratio = ratio_of(request);
  return record;
}

}  // namespace longclip
