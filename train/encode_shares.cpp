// train/encode_shares.cpp -- see train/encode_shares.h
#include "train/encode_shares.h"

#include <ATen/ops/constant_pad_nd.h>

#include <algorithm>

namespace longclip {
namespace {

/// This rank's contiguous share of `items`; shares differ by at most one batch of padding.
template <class Item> std::vector<Item> share_of(const std::vector<Item>& items, const Communicator& comm) {
  const auto total = static_cast<int64_t>(items.size());
  const int64_t each = (total + comm.world_size() - 1) / comm.world_size();
  const int64_t first = std::min(comm.rank() * each, total), last = std::min(first + each, total);
  return {items.begin() + first, items.begin() + last};
}

/// Features of all items from every rank's share.
at::Tensor join_shares(const at::Tensor& mine_nE, size_t items, const at::Device& device, Communicator& comm) {
  if (comm.world_size() == 1) return mine_nE;
  const auto total = static_cast<int64_t>(items);
  const int64_t each = (total + comm.world_size() - 1) / comm.world_size();
  const at::Tensor padded = at::constant_pad_nd(mine_nE, {0, 0, 0, each - mine_nE.size(0)});
  return comm.all_gather_rows(padded.to(device)).narrow(0, 0, total).cpu();
}

}  // namespace

at::Tensor encode_pictures(const Clip& model, const std::vector<PictureEntry>& pictures, const EncodeOptions& options, Communicator& comm) {
  return join_shares(encode_pictures(model, share_of(pictures, comm), options), pictures.size(), model.device(), comm);
}

EncodedTexts encode_texts(const Clip& model, const std::vector<std::string>& texts, const EncodeOptions& options, Communicator& comm) {
  EncodedTexts encoded = encode_texts(model, share_of(texts, comm), options);
  encoded.text_ME = join_shares(encoded.text_ME, texts.size(), model.device(), comm);
  return encoded;
}

}  // namespace longclip
