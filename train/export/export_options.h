#pragma once
// train/export/export_options.h -- what all exports can be told.

#include <ATen/core/ScalarType.h>

#include <string>

#include "model/clip_file.h"

namespace longclip {

struct ExportOptions {
  at::ScalarType dtype = at::kFloat;  ///< of the weights in the file: float32, float16 or bfloat16
  bool overwrite = false;             ///< replace an existing output
  bool projection = false;            ///< of text-encoder: keep text_projection
};

/// "fp32", "fp16", "bf16" as on the command line. Throws InputError that lists them.
at::ScalarType export_dtype(const std::string& name);

/// As configs write it: "float32", "float16", "bfloat16".
std::string config_dtype(at::ScalarType dtype);

/// What to say where CLIP's tokenizer does not belong to the model.
std::string no_tokenizer_note(int64_t vocabulary_size);

/// The tensors as `dtype`. Throws InputError naming a tensor whose values do not fit (float16 ends at 65504).
TensorMap converted(const TensorMap& tensors, at::ScalarType dtype);

}  // namespace longclip
