#pragma once
// tests/src/model/toy_golden.h -- the toy Long-CLIP of a reference folder: its model, its batch, its stored values.
// Sizes and counts come from the files, so any folder with these file names works.

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "model/clip.h"
#include "tensors/packed_sequences.h"
#include "tensors/tensor_map.h"

namespace longclip::test {

/// The reference folders that are there: the committed one always, the original implementation's where present.
std::vector<std::filesystem::path> toy_folders();

struct Toy {
  explicit Toy(const std::filesystem::path& folder);

  /// The stretched model; `dtype` float32 or float64.
  Clip model(at::ScalarType dtype) const;
  at::Tensor pixels(int64_t first, int64_t count) const;
  PackedTexts texts(const std::string& key, int64_t first, int64_t count) const;

  std::filesystem::path folder;
  Json config;
  int64_t rows = 0;        ///< of the batch
  int64_t components = 32;  ///< principal components of the coarse features
  Architecture architecture;  ///< stretched
  TensorMap stretched_weights;
  TensorMap batch, forward;
};

/// Reads PATH as JSON.
Json read_json(const std::filesystem::path& path);

/// The elements 0, 37, 74, ... that the folder stores of tensors with more than 4096 elements, else all, flattened.
at::Tensor sampled(const at::Tensor& whole, const at::Tensor& stored);

/// Largest absolute difference.
double max_difference(const at::Tensor& a, const at::Tensor& b);

/// A position table of the published LongCLIP-B (support/published_longclip.h).
at::Tensor published_table(const std::string& name, int64_t rows, int64_t width);

}  // namespace longclip::test
