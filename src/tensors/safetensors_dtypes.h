#pragma once
// tensors/safetensors_dtypes.h -- LibTorch's names of the element types of safetensors files.

#include <c10/core/ScalarType.h>

#include "tensors/safetensors_header.h"

namespace longclip {

/// In the order of kSafetensorsTypes.
inline constexpr std::array<at::ScalarType, kSafetensorsTypes.size()> kSafetensorsDtypes{
    at::kBool,     at::kByte, at::kChar,  at::kShort,  at::kHalf,
    at::kBFloat16, at::kInt,  at::kFloat, at::kDouble, at::kLong};

/// The place of a type in these lists; throws std::runtime_error naming the tensor for a type that the format cannot hold.
size_t safetensors_type(at::ScalarType dtype, const std::string& tensor_name);

}  // namespace longclip
