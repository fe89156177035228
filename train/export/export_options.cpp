// train/export/export_options.cpp -- see train/export/export_options.h
#include "train/export/export_options.h"

#include <ATen/ops/isfinite.h>

#include "base/error.h"

namespace longclip {

at::ScalarType export_dtype(const std::string& name) {
  if (name == "fp32") return at::kFloat;
  if (name == "fp16") return at::kHalf;
  if (name == "bf16") return at::kBFloat16;
  fail<InputError>("unknown export type '{}'; known are fp32, fp16, bf16", name);
}

std::string config_dtype(at::ScalarType dtype) {
  return dtype == at::kHalf ? "float16" : dtype == at::kBFloat16 ? "bfloat16" : "float32";
}

std::string no_tokenizer_note(int64_t vocabulary_size) {
  return "no tokenizer files: a vocabulary of " + std::to_string(vocabulary_size) + " is not CLIP's";
}

TensorMap converted(const TensorMap& tensors, at::ScalarType dtype) {
  TensorMap result;
  for (const auto& [name, tensor] : tensors) {
    result[name] = tensor.to(dtype);
    require<InputError>(at::isfinite(result[name]).all().item<bool>(),
                        "{}: values do not fit {}; export with another type", name, c10::toString(dtype));
  }
  return result;
}

}  // namespace longclip
