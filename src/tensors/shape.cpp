// tensors/shape.cpp -- see tensors/shape.h
#include "tensors/shape.h"

#include "base/error.h"

namespace longclip {

std::string shape_text(at::IntArrayRef sizes) {
  std::string text = "[";
  for (size_t i = 0; i < sizes.size(); ++i) {
    text += (i == 0 ? "" : ", ") + (sizes[i] == kAnySize ? std::string("any") : std::to_string(sizes[i]));
  }
  return text + "]";
}

void check_shape(const at::Tensor& tensor, std::initializer_list<int64_t> sizes, std::string_view name) {
  require<ShapeError>(tensor.defined(), "{}: expected {}, got no tensor", name, shape_text(at::IntArrayRef(sizes)));
  bool fits = tensor.dim() == static_cast<int64_t>(sizes.size());
  int64_t i = 0;
  for (const int64_t size : sizes) {
    fits = fits && (size == kAnySize || tensor.size(i) == size);
    ++i;
  }
  require<ShapeError>(fits, "{}: expected {}, got {}", name, shape_text(at::IntArrayRef(sizes)), shape_text(tensor.sizes()));
}

}  // namespace longclip
