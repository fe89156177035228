// train/encode_features.cpp -- see train/encode_features.h
#include "train/encode_features.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/signals.h"
#include "model/vision_tower.h"

namespace longclip {
namespace {

/// A bar that counts items, or nothing.
class OptionalBar {
 public:
  OptionalBar(bool shown, const std::string& what, int64_t total) {
    if (shown) bar_.emplace(what, total);
  }
  void update(int64_t done) {
    if (bar_) bar_->update(done);
  }

 private:
  std::optional<ProgressBar> bar_;
};

int64_t count_not_finite(const at::Tensor& rows_NE) { return rows_NE.isfinite().all(1).logical_not().sum().item<int64_t>(); }

void warn_of_not_finite(int64_t count, const char* what) {
  if (count > 0) log_warning("features of {} {} are not finite: the model has diverged or its weights are damaged", count, what);
}

}  // namespace

at::Tensor encode_pictures(const Clip& model, const std::vector<PictureEntry>& pictures, const EncodeOptions& options,
                           const TakeParts& take_patches) {
  const at::NoGradGuard no_grad;
  PictureReader reader(pictures, {.image_size = model.architecture().image_size,
                               .pictures_per_batch = options.items_per_batch,
                               .workers = options.workers,
                               .decode = options.decode,
                               .pin_memory = model.device().is_cuda(),
                               .keep_going = options.keep_going});
  OptionalBar bar(options.show_progress, "encode pictures", static_cast<int64_t>(pictures.size()));
  at::Tensor image_KE = at::empty({static_cast<int64_t>(pictures.size()), model.architecture().embed_dim});
  int64_t done = 0, not_finite = 0;
  for (at::Tensor pixels = reader.next(); pixels.defined(); pixels = reader.next()) {
    throw_if_stop_requested();
    const at::Tensor image_B3SS = normalize_pixels(pixels.to(model.device()));
    const PartFeatures batch = take_patches ? model.encode_image_patches(image_B3SS, options.forward)
                                            : PartFeatures{model.encode_image(image_B3SS, options.forward), {}};
    not_finite += count_not_finite(batch.feature_NE);
    for (const int64_t broken : reader.broken()) {
      if (broken < done) continue;
      batch.feature_NE[broken - done].fill_(options.unread_value);
      if (take_patches) batch.parts[broken - done].fill_(options.unread_value);
    }
    image_KE.narrow(0, done, pixels.size(0)).copy_(batch.feature_NE);
    if (take_patches) take_patches(batch.parts.cpu());
    bar.update(done += pixels.size(0));
  }
  warn_of_not_finite(not_finite, "pictures");
  return image_KE;
}

TokenizedTexts tokenize_texts(const Architecture& architecture, const std::vector<std::string>& texts, const std::optional<int64_t>& max_tokens) {
  require<DataError>(architecture.has_clip_vocabulary(), "the model's vocabulary ({} entries) is not CLIP's, so texts cannot be tokenised for it",
                     architecture.vocabulary_size);
  const int64_t most_tokens = std::min(max_tokens.value_or(architecture.context_length), architecture.context_length);
  TokenizedTexts result;
  for (const std::string& text : texts) {
    throw_if_stop_requested();
    Tokenized tokens = Tokenizer::clip().encode(text, most_tokens);
    result.truncated += tokens.truncated ? 1 : 0;
    const auto end = std::ranges::find(tokens.ids, static_cast<int32_t>(architecture.eos_id));  // a text may spell it out
    if (end != tokens.ids.end()) tokens.ids.erase(end + 1, tokens.ids.end());
    result.ids.push_back(std::move(tokens.ids));
  }
  return result;
}

at::Tensor encode_ids(const Clip& model, const TokenizedTexts& texts, const EncodeOptions& options, const TakeParts& take_tokens) {
  const at::NoGradGuard no_grad;
  const Architecture& architecture = model.architecture();
  const auto total = static_cast<int64_t>(texts.ids.size());
  OptionalBar bar(options.show_progress, "encode texts", total);
  at::Tensor text_ME = at::empty({total, architecture.embed_dim});
  int64_t not_finite = 0;
  for (int64_t first = 0; first < total; first += options.items_per_batch) {
    throw_if_stop_requested();
    const int64_t last = std::min(first + options.items_per_batch, total);
    const std::vector<std::vector<int32_t>> ids(texts.ids.begin() + first, texts.ids.begin() + last);
    const PackedTexts packed = pack_texts(ids, architecture.eos_id, architecture.context_length, model.device());
    const PartFeatures batch = take_tokens ? model.encode_text_tokens(packed, options.forward)
                                           : PartFeatures{model.encode_text(packed, options.forward), {}};
    not_finite += count_not_finite(batch.feature_NE);
    text_ME.slice(0, first, last).copy_(batch.feature_NE);
    if (take_tokens) take_tokens(batch.parts.cpu());
    bar.update(last);
  }
  warn_of_not_finite(not_finite, "texts");
  return text_ME;
}

EncodedTexts encode_texts(const Clip& model, const std::vector<std::string>& texts, const EncodeOptions& options) {
  const TokenizedTexts tokenized = tokenize_texts(model.architecture(), texts, options.max_tokens);
  return {encode_ids(model, tokenized, options), tokenized.truncated};
}

}  // namespace longclip
