#pragma once
// train/shared_encoding.h -- features of a data set, each rank encoding its part of the items.
// Shapes: K pictures, M texts, E joint embedding.

#include "dist/communicator.h"
#include "train/encode_features.h"

namespace longclip {

/// REQUIRES: model and communicator outlive it; every rank passes the same items. Collective: all methods.
/// Alone it encodes everything. What can be thrown: train/encode_features.h, of the rank whose part it was.
class SharedEncoder {
 public:
  SharedEncoder(const Clip& model, EncodeOptions options, Communicator& comm)
      : model_(model), options_(std::move(options)), comm_(comm) {
    options_.unread_value = 0;  // NaN would look like a model that has diverged
  }

  /// Unit rows image_KE on every rank, in the order of `pictures`. Under keep_going, pictures that cannot be read have rows of 0.
  at::Tensor pictures(const std::vector<PictureEntry>& pictures) const;
  /// Unit rows text_ME on every rank; `truncated` is over all ranks. `max_tokens`: as EncodeOptions has it.
  EncodedTexts texts(const std::vector<std::string>& texts, std::optional<int64_t> max_tokens = {}) const;

 private:
  at::Tensor join(const at::Tensor& mine_nE, int64_t total) const;

  const Clip& model_;
  EncodeOptions options_;
  Communicator& comm_;
};

}  // namespace longclip
