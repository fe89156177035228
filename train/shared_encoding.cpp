// train/shared_encoding.cpp -- see train/shared_encoding.h
#include "train/shared_encoding.h"

#include <ATen/ops/constant_pad_nd.h>

#include <algorithm>
#include <cmath>

namespace longclip {
namespace {

/// Items of a rank; the last ranks may have fewer, or none.
int64_t items_each(int64_t total, const Communicator& comm) { return (total + comm.world_size() - 1) / comm.world_size(); }

/// This rank's contiguous share of `items`.
template <class Item> std::vector<Item> share_of(const std::vector<Item>& items, const Communicator& comm) {
  const auto total = static_cast<int64_t>(items.size());
  const int64_t each = items_each(total, comm);
  const int64_t first = std::min(comm.rank() * each, total), last = std::min(first + each, total);
  return {items.begin() + first, items.begin() + last};
}

}  // namespace

/// Features of all items from every rank's share; the rows that fill up the last shares are dropped.
at::Tensor SharedEncoder::join(const at::Tensor& mine_nE, int64_t total) const {
  if (comm_.world_size() == 1) return mine_nE;
  const at::Tensor padded = at::constant_pad_nd(mine_nE, {0, 0, 0, items_each(total, comm_) - mine_nE.size(0)});
  return comm_.all_gather_rows(padded.to(model_.device())).narrow(0, 0, total).cpu();
}

at::Tensor SharedEncoder::pictures(const std::vector<PictureEntry>& pictures) const {
  return join(encode_pictures(model_, share_of(pictures, comm_), options_), static_cast<int64_t>(pictures.size()));
}

EncodedTexts SharedEncoder::texts(const std::vector<std::string>& texts, std::optional<int64_t> max_tokens) const {
  EncodeOptions options = options_;
  options.max_tokens = max_tokens;
  EncodedTexts encoded = encode_texts(model_, share_of(texts, comm_), options);
  encoded.text_ME = join(encoded.text_ME, static_cast<int64_t>(texts.size()));
  if (comm_.world_size() > 1) {
    double truncated = 0;
    for (const auto& rank : comm_.all_gather_numbers({static_cast<double>(encoded.truncated)})) truncated += rank[0];
    encoded.truncated = std::llround(truncated);
  }
  return encoded;
}

}  // namespace longclip
