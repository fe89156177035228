// train/encode_features.cpp -- see train/encode_features.h
#include "train/encode_features.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "base/progress.h"
#include "base/signals.h"
#include "model/vision_tower.h"

namespace longclip {
namespace {

at::Tensor join(const std::vector<at::Tensor>& batches, int64_t embed_dim) {
  return batches.empty() ? at::empty({0, embed_dim}) : at::cat(batches);
}

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

}  // namespace

at::Tensor encode_pictures(const Clip& model, const std::vector<PictureEntry>& pictures, const EncodeOptions& options) {
  const at::NoGradGuard no_grad;
  PictureReader reader(pictures, {.image_size = model.architecture().image_size,
                               .pictures_per_batch = options.items_per_batch,
                               .workers = options.workers,
                               .decode = options.decode,
                               .pin_memory = model.device().is_cuda(),
                               .keep_going = options.keep_going});
  OptionalBar bar(options.show_progress, "encode pictures", static_cast<int64_t>(pictures.size()));
  std::vector<at::Tensor> batches;
  int64_t done = 0;
  for (at::Tensor pixels = reader.next(); pixels.defined(); pixels = reader.next()) {
    throw_if_stop_requested();
    batches.push_back(model.encode_image(normalize_pixels(pixels.to(model.device())), options.forward).cpu());
    bar.update(done += pixels.size(0));
  }
  at::Tensor image_KE = join(batches, model.architecture().embed_dim);
  for (const int64_t broken : reader.broken()) image_KE[broken].fill_(std::nan(""));
  return image_KE;
}

EncodedTexts encode_texts(const Clip& model, const std::vector<std::string>& texts, const EncodeOptions& options) {
  const at::NoGradGuard no_grad;
  const Architecture& architecture = model.architecture();
  require<DataError>(architecture.has_clip_vocabulary(), "the model's vocabulary ({} entries) is not CLIP's, so texts cannot be tokenised for it",
                     architecture.vocabulary_size);
  const int64_t most_tokens = std::min(options.max_tokens.value_or(architecture.context_length), architecture.context_length);
  EncodedTexts result;
  OptionalBar bar(options.show_progress, "encode texts", static_cast<int64_t>(texts.size()));
  std::vector<at::Tensor> batches;
  const auto batch = static_cast<size_t>(options.items_per_batch);
  for (size_t first = 0; first < texts.size(); first += batch) {
    throw_if_stop_requested();
    std::vector<std::vector<int32_t>> ids;
    for (size_t i = first; i < std::min(first + batch, texts.size()); ++i) {
      Tokenized tokens = Tokenizer::clip().encode(texts[i], most_tokens);
      result.truncated += tokens.truncated ? 1 : 0;
      ids.push_back(std::move(tokens.ids));
    }
    const PackedTexts packed = pack_texts(ids, architecture.eos_id, architecture.context_length, model.device());
    batches.push_back(model.encode_text(packed, options.forward).cpu());
    bar.update(static_cast<int64_t>(first + ids.size()));
  }
  result.text_ME = join(batches, architecture.embed_dim);
  return result;
}

}  // namespace longclip
