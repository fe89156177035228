#pragma once
// train/encode_features.h -- features of many pictures or texts without gradient, for evaluation and `longclip encode`.
// Shapes: K pictures, M texts, E joint embedding.

#include <optional>
#include <string>
#include <vector>

#include "data/picture_reader.h"
#include "model/clip.h"
#include "text/tokenizer.h"

namespace longclip {

struct EncodeOptions {
  ForwardOptions forward = {};
  int64_t items_per_batch = 64;
  int64_t workers = 1;
  DecodeOptions decode = {};
  bool show_progress = false;
  /// Texts are cut to so many ids, start and end counted; empty: to the model's positions.
  std::optional<int64_t> max_tokens = {};
  /// A missing or broken picture is logged and its feature is NaN, instead of being an error.
  bool keep_going = false;
};

/// Unit rows image_KE, float32 on the CPU, in the order of `pictures`. Throws DataError naming a missing or broken picture,
/// Stopped after a signal. Collective: no.
at::Tensor encode_pictures(const Clip& model, const std::vector<PictureEntry>& pictures, const EncodeOptions& options);

/// Unit rows text_ME, float32 on the CPU, and how many texts were cut (options.max_tokens). Throws DataError if the
/// model's vocabulary is not CLIP's. Collective: no.
struct EncodedTexts {
  at::Tensor text_ME;
  int64_t truncated = 0;
};
EncodedTexts encode_texts(const Clip& model, const std::vector<std::string>& texts, const EncodeOptions& options);

}  // namespace longclip
