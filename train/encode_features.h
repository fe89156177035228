#pragma once
// train/encode_features.h -- features of many pictures or texts without gradient, for evaluation and `longclip encode`.
// Shapes: K pictures, M texts, E joint embedding.

#include <functional>
#include <limits>
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
  /// A missing or broken picture is logged and its rows hold `unread_value`, instead of being an error.
  bool keep_going = false;
  double unread_value = std::numeric_limits<double>::quiet_NaN();
};

/// Takes the parts of one batch, on the CPU; batches come in order.
using TakeParts = std::function<void(const at::Tensor& parts)>;

/// Unit rows image_KE, float32 on the CPU, in the order of `pictures`. Throws DataError naming a missing or broken picture,
/// Stopped after a signal. `take_patches`: also computes patches [b, P - 1, W] (Clip::encode_image_patches) of each batch of
/// b pictures; they are not kept here. Collective: no.
at::Tensor encode_pictures(const Clip& model, const std::vector<PictureEntry>& pictures, const EncodeOptions& options,
                           const TakeParts& take_patches = {});

/// Texts as a model takes them: ids from SOT to the first EOT.
struct TokenizedTexts {
  std::vector<std::vector<int32_t>> ids;  ///< [text]
  int64_t truncated = 0;                  ///< texts that were cut
};

/// `max_tokens` as EncodeOptions has it. Throws DataError if the model's vocabulary is not CLIP's, Stopped after a signal.
TokenizedTexts tokenize_texts(const Architecture& architecture, const std::vector<std::string>& texts,
                              const std::optional<int64_t>& max_tokens = {});

/// Unit rows text_ME, float32 on the CPU. `take_tokens`: also computes tokens [t, W] (Clip::encode_text_tokens) of each batch.
/// Throws Stopped after a signal. Collective: no.
at::Tensor encode_ids(const Clip& model, const TokenizedTexts& texts, const EncodeOptions& options, const TakeParts& take_tokens = {});

/// Both together. Collective: no.
struct EncodedTexts {
  at::Tensor text_ME;
  int64_t truncated = 0;
};
EncodedTexts encode_texts(const Clip& model, const std::vector<std::string>& texts, const EncodeOptions& options);

}  // namespace longclip
