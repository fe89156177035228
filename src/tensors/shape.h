#pragma once
// tensors/shape.h -- checks of tensor shapes at the border of public functions.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace longclip {

/// Stands for "any size" in check_shape.
inline constexpr int64_t kAnySize = -1;

/// "[96, 512]".
std::string shape_text(at::IntArrayRef sizes);

/// Throws ShapeError "NAME: expected [B, 512], got [3, 77]" unless `tensor` has these sizes.
void check_shape(const at::Tensor& tensor, std::initializer_list<int64_t> sizes, std::string_view name);

}  // namespace longclip
