#pragma once
// tensors/safetensors_stream.h -- a safetensors file of tensors that are not all in memory at once: their shapes come first,
// then their rows.

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tensors/atomic_output.h"

namespace longclip {

/// A tensor that will be written.
struct DeclaredTensor {
  std::string name;
  at::ScalarType dtype = at::kFloat;
  std::vector<int64_t> sizes = {};
};

/// The file appears complete with commit(), or not at all. Errors of the disk are std::runtime_error with the system's reason.
class SafetensorsStream {
 public:
  /// `tensors` in the order in which they will come. A type of wider elements must not follow one of narrower elements: so
  /// every tensor is aligned. "format": "pt" is always in the metadata. Throws std::runtime_error for a type unknown to the format.
  SafetensorsStream(const std::filesystem::path& path, std::vector<DeclaredTensor> tensors, const std::map<std::string, std::string>& metadata);
  /// The next rows of the tensor at hand, or all of it; then of the next one. Any device and strides; the type is as declared.
  /// Throws ShapeError for rows that do not fit.
  void append(const at::Tensor& rows);
  /// Throws ShapeError if rows are missing.
  void commit();

 private:
  void skip_complete();

  AtomicOutput output_;
  std::vector<DeclaredTensor> tensors_;
  size_t at_ = 0;          // index of the tensor at hand
  int64_t missing_ = 0;  // elements of it
};

}  // namespace longclip
