#pragma once
// train/encode_shares.h -- features of many pictures or texts with all ranks at work: each encodes its share.
// Shapes: K pictures, M texts, E joint embedding.

#include "dist/communicator.h"
#include "train/encode_features.h"

namespace longclip {

/// What encode_pictures() gives, on every rank. Collective: yes.
at::Tensor encode_pictures(const Clip& model, const std::vector<PictureEntry>& pictures, const EncodeOptions& options, Communicator& comm);
/// What encode_texts() gives, on every rank; `truncated` counts this rank's share. Collective: yes.
EncodedTexts encode_texts(const Clip& model, const std::vector<std::string>& texts, const EncodeOptions& options, Communicator& comm);

}  // namespace longclip
